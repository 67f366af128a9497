"""The files behind invoices."""
