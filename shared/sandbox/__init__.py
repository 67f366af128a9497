"""The outside world in miniature, for the demo and tests: a bank that writes statements, a mailbox."""
