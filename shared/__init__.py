"""The domain core of Quittance: vertical slices over one ledger. docs/decisions.md tells why it is so."""
