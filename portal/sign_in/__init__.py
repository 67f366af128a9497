"""The debtor's way in and out."""
