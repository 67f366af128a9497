"""Autopay: what is on, its terms, the debits to come, and leaving one out."""
