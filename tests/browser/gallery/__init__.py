"""Every component of the UI kit in its states, on pages that only tests and designers see."""
