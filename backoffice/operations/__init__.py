"""What the machinery does, and what waits for a person."""
