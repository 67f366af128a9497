"""Payments over a rail: card, a provider's transfer, direct debit; and every way their money comes back.

A payment is one attempt to collect an amount for a basket of open items. Commands to a provider are operations
(outbox; the row's id is the idempotency key); what a provider tells arrives in the inbox and only makes us fetch the
object anew. Money is told by append-only facts, unique per provider reference; a payment's status is a pure function of
the provider's phase and these facts, so that repeated, reordered or lost messages end in the same state.
"""
