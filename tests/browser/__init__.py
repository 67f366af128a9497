"""Pages in a real browser: accessible, reachable by keyboard, quiet, and never wider than the screen."""
