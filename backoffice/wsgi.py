"""What the web server loads: `backoffice.wsgi:app`."""

from __future__ import annotations

from backoffice.app import create_app
from shared import db
from shared.logs import configure

configure()
db.hold_open()
app = create_app()
