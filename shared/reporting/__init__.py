"""Reporting: what both apps show of a customer's account, read from the ledger and never stored beside it.

A debtor's person sees the customers they act for; the creditor's people see the customers they name. Amounts of
two currencies are never added. Every list is ordered and bounded, and costs the same few statements at any size.
"""
