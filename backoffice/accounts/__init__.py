"""The accounts debtors are shown, and the two people it takes to change them."""
