"""Imports: upload a file, look at what it would do, take it."""
