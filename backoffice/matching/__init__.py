"""Reconciling bank lines: the queue, one line, what was matched, undoing it."""
