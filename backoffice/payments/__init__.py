"""Payments over the rails: what came, what went back, payouts, and the accounts at providers."""
