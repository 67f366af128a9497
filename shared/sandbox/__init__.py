"""The outside world of a demo: what in real life belongs to others, played on this machine only."""
