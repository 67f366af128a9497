"""Invoices and credit notes: how they come in, what they say, what they become in the ledger.

A **row** is one document as a file states it, checked but not yet stored; every format is read into the same row.
"""
