"""Matching (lettrage): which open items a bank line settles.

Automatic only when certain: two independent kinds of evidence, one possible answer, no contradiction. Everything
else stays with a person, with the reason said. What a person undid never comes back by itself.
"""
