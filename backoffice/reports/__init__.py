"""Reports: the aged balance."""
