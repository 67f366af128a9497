"""The QR code that an authenticator app scans."""

from __future__ import annotations

import segno
from markupsafe import Markup


def qr_code(text: str) -> Markup:
    """An inline SVG; its colours come from our stylesheet's light card, so that it scans in the dark theme too."""
    drawn: str = segno.make(text, error="m", micro=False).svg_inline(
        scale=5, border=4, dark="#000", light="#fff", svgclass="qr", lineclass=None
    )
    return Markup(drawn)  # noqa: S704 - drawn by segno from numbers alone
