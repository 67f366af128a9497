"""Facts: what happened, in the past tense, with ids and amounts only. Recorded in the transaction that made them
true; the worker wakes their handlers afterwards (`jobs/subscriptions.py`), at least once each."""
