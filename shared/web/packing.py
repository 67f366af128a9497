"""Pages travel packed: most of a page is markup that repeats itself.

A packed page that holds a secret and echoes what somebody else can choose tells of the secret by its length. So every
answer is made longer by a random number of bytes, as in “Heal the BREACH” (R. Palacios and others, IEEE Access 2022):
they stand in the header's file name, which browsers skip.
"""

from __future__ import annotations

import gzip
import io
import secrets

from flask import Flask, Response, request

_WORTH_IT = 1_000
_MOST_PADDING = 100
# On a page of 60 kB: 1 ms, and 3 % longer than the most thorough level.
_LEVEL = 5
_KINDS = ("text/html", "application/json", "text/csv")


def install(app: Flask) -> None:
    app.after_request(_pack)


def _pack(response: Response) -> Response:
    if response.mimetype not in _KINDS or response.direct_passthrough or response.is_streamed:
        return response
    response.vary.add("Accept-Encoding")
    content = response.get_data()
    asked = request.accept_encodings["gzip"] > 0
    if not asked or len(content) < _WORTH_IT or "Content-Encoding" in response.headers:
        return response
    response.set_data(_packed(content))
    response.headers["Content-Encoding"] = "gzip"
    return response


def _packed(content: bytes) -> bytes:
    made, padding = io.BytesIO(), "x" * secrets.randbelow(_MOST_PADDING)
    with gzip.GzipFile(padding, "wb", _LEVEL, made, mtime=0) as file:
        file.write(content)
    return made.getvalue()
