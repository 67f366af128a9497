"""Transfers: announced, with all a bank needs to know, and received."""
