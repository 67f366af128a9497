"""Stripe in miniature: its protocol, its refusals and its delays over loopback, for the unmodified SDK and pages."""
