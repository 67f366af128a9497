"""The audit trail: who did what to what, and why. Written in the transaction of the deed itself, sealed into a
hash chain when it commits. Nothing in it is ever changed; `checks.chain` proves that nobody did."""
