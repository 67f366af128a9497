"""Files of other systems taken into the books: customers, invoices, payments, whatever format they come in.

One file is one transaction: all of it, or nothing with a list of what is wrong; the same file again changes nothing.
"""
