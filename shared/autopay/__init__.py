"""Autopay: a debtor lets due invoices be collected by themselves, within a cap, told before, free to skip once."""
