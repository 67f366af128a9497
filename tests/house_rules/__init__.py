"""What holds in every file, whoever wrote it."""
