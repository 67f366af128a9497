"""Payments: what a debtor announced (expected payment), what came in (receipt), and how to pay.

An expected payment is one basket for one payee under one RF reference; it changes no balance. A receipt is money
assigned to one customer: a credit in the ledger, taken from its bank line. Taking a receipt back adds its
opposite; nothing is deleted.
"""
