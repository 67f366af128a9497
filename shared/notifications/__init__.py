"""Notifications: what we write to people, and its way out through SMTP.

Message: one mail to one person, rendered in their language when it is queued and never changed after. `once`: the
event and the addressee, so that whatever runs twice writes once. Always true: a message is sent or failed, not
both; two workers never hold the same message; a re-send after a crash carries the same Message-ID.
"""
