"""Styles, scripts and fonts: a fixed list, read once at start, served under one address that holds their hash.

Third-party files come from installed packages and are never committed. Bootstrap goes into a cascade layer, so
any rule of ours wins over it whatever its specificity; all styles travel as one file.
"""

from __future__ import annotations

import gzip
import hashlib
from dataclasses import dataclass
from functools import cache
from importlib.util import find_spec
from pathlib import Path

from flask import Blueprint, Response, abort, request, url_for

from shared.web.access import public

_STATIC = Path(__file__).parent / "static"
_STYLES = ("tokens", "base", "shell", "parts", "actions", "forms", "tables", "desk", "payment")
# Two weights: each costs a first visit 38 kB, and a page of the pay flow may weigh 150 in all.
_FONTS = {400: "Regular", 600: "SemiBold"}
_A_YEAR = 31_536_000

blueprint = Blueprint("assets", __name__, template_folder="templates")


@dataclass(frozen=True, slots=True)
class Asset:
    content: bytes
    packed: bytes
    mimetype: str
    etag: str


@cache
def allowed() -> dict[str, Asset]:
    """Every file we serve, by name; nothing else on the disk can be asked for."""
    fonts = _package("font_hanken_grotesk") / "files"
    found = {
        "app.css": _asset(_stylesheet(), "text/css"),
        "app.js": _asset((_STATIC / "app.js").read_bytes(), "text/javascript"),
        "card.js": _asset((_STATIC / "card.js").read_bytes(), "text/javascript"),
        "htmx.js": _asset(
            (_package("django_htmx") / "static/django_htmx/htmx-2.min.js").read_bytes(), "text/javascript"
        ),
        "icon.svg": _asset((_STATIC / "icon.svg").read_bytes(), "image/svg+xml"),
    }
    for weight, name in _FONTS.items():
        content = (fonts / f"HankenGrotesk-{name}.otf").read_bytes()
        found[f"hanken-grotesk-{weight}.otf"] = _asset(content, "font/otf")
    return found


@cache
def version() -> str:
    """Changes when any file does, so that every address may be cached for ever."""
    return hashlib.sha256("".join(a.etag for a in allowed().values()).encode()).hexdigest()[:16]


def asset(name: str) -> str:
    """The address of a file, for templates."""
    return url_for("assets.serve", version=version(), name=name)


@blueprint.get("/assets/<version>/<name>")
@public
def serve(version: str, name: str) -> Response:
    found = allowed().get(name)
    if found is None:
        abort(404)
    packed = request.accept_encodings["gzip"] > 0
    answer = Response(found.packed if packed else found.content, mimetype=found.mimetype)
    if packed:
        answer.headers["Content-Encoding"] = "gzip"
    answer.headers["Vary"] = "Accept-Encoding"
    answer.set_etag(f"{found.etag}{'-gzip' if packed else ''}")
    answer.headers["Cache-Control"] = _caching(version)
    answer.make_conditional(request)
    return answer


def _caching(asked: str) -> str:
    # During a rolling update an old page may ask a new server: it gets today's file, but may not keep it.
    return f"public, max-age={_A_YEAR}, immutable" if asked == version() else "no-store"


def _stylesheet() -> bytes:
    bootstrap = _package("flask_bootstrap") / "static/bootstrap5/css/bootstrap.min.css"
    base = bootstrap.read_text("utf-8").removeprefix('@charset "UTF-8";')
    base = base.split("/*# sourceMappingURL")[0]
    own = (f"{(_STATIC / name).with_suffix('.css').read_text('utf-8')}" for name in _STYLES)
    return "\n".join(['@charset "UTF-8";', f"@layer bootstrap{{{base}}}", *own]).encode()


def _asset(content: bytes, mimetype: str) -> Asset:
    packed = gzip.compress(content, mtime=0)
    return Asset(content, packed, mimetype, hashlib.sha256(content).hexdigest()[:16])


def _package(name: str) -> Path:
    # Found, not imported: django_htmx would want Django, and we only want its files.
    spec = find_spec(name)
    if spec is None or not spec.submodule_search_locations:
        raise FileNotFoundError(f"the package {name} is not installed: run ./dev again")
    return Path(spec.submodule_search_locations[0])
