"""Mandates for direct debits: the list, signing one, its paper, ending it."""
