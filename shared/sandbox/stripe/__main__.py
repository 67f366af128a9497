"""`python -m shared.sandbox.stripe PORT [WEBHOOK_URL WEBHOOK_SECRET]`: the demo's Stripe, until stopped."""

from __future__ import annotations

import sys

from shared.config import settings
from shared.jobs.worker import stop_on_signal
from shared.logs import configure
from shared.sandbox.stripe.serving import serve_stripe

configure()
endpoint = (sys.argv[2], sys.argv[3]) if len(sys.argv) > 3 else None
serve_stripe(int(sys.argv[1]), settings().data / "stripe.sqlite", stop_on_signal(), endpoint)
