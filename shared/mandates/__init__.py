"""Mandates: a debtor's signed permission to collect by SEPA direct debit, and the files a creditor's bank takes.

A mandate has one reference, unique per creditor identifier; it lapses 36 months after its last collection.
"""
