"""`python -m shared.sandbox SMTP_PORT HTTP_PORT`: the demo's mailbox and bank, until stopped."""

from __future__ import annotations

import sys

from shared import db
from shared.jobs.worker import stop_on_signal
from shared.logs import configure
from shared.sandbox.mailbox import serve_mailbox

configure()
with db.available():
    serve_mailbox(int(sys.argv[1]), int(sys.argv[2]), stop_on_signal())
