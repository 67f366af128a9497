"""Creditors: the legal entities that are owed, and the accounts money may go to (their own, or a factor's)."""
