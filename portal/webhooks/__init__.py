"""What providers tell us: stored as it came, and answered at once."""
