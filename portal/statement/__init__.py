"""The statement of account, on the screen and as a file."""
