"""The ledger: open items, allocations and the journal. Books only grow."""
