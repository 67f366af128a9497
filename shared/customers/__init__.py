"""Customers: who owes. Their identity, their terms, the accounts they are known to pay from.

A **customer** has one reference per installation; **terms** are what it was granted, and fix when an invoice is due.
"""
