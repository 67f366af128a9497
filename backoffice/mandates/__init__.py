"""Mandates of the debtors: the list, one with its history, and what may be done with it."""
