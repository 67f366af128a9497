"""The ledger: the one truth about who owes what.

Open item: something a customer owes (+) or is owed (-). Allocation: a credit used on a debit, for an amount on a
day. Journal: each event's balanced entry. Books only grow: undoing adds. Always true, and kept by the database:
what is open of an item lies between zero and its amount; it is the amount less its allocations; every entry
balances; the open items of a customer are their 411 account.
"""
