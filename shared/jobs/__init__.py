"""Jobs: what happens later. The only place that knows which fact wakes which handler, and what runs when.

Fact: what happened (outbox). Handler: a slice's reaction to a fact, in a transaction of its own. Receipt: the row
that says a handler is done with a fact; written in the same transaction, so that the second run does nothing.
Always true: each fact is handed to each of its handlers; a job that keeps failing waits in Operations with its
error, for a person; a worker that dies loses nothing.
"""
