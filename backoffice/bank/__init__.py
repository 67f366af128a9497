"""Bank accounts and statements."""
