"""`python -m shared.sandbox SMTP_PORT HTTP_PORT STRIPE_PORT GOCARDLESS_PORT`: the demo's outside world, until stopped:
mailbox, bank, and both payment providers."""

from __future__ import annotations

import sys

from shared import db
from shared.jobs.worker import stop_on_signal
from shared.logs import configure
from shared.sandbox.mailbox import serve_mailbox
from shared.sandbox.providers import serving_providers

configure()
smtp, http, stripe, gocardless = map(int, sys.argv[1:5])
with db.available(), serving_providers(stripe, gocardless):
    serve_mailbox(smtp, http, stop_on_signal())
