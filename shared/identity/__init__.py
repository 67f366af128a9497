"""Who comes in: debtors' people by a link in a mail, the creditor's people by password and second factor.

Link: works once, for one purpose, until it expires or is revoked. Session: a row of ours behind a cookie, so that it
can be ended from here. Step: a staff session is at `password` until the code is right, then `complete`.
Of every secret we keep its SHA-256 only; the second factor's secret, which must be read back, rests encrypted.
Whether an address is known here is never told: the answer and its time are the same.
"""
