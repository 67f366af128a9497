"""The headers that tell browsers what these pages never do: nothing inline, nothing foreign, nothing framed."""

from __future__ import annotations

from collections.abc import Mapping

from flask import Flask, Response, request

_SOURCES = {
    "default-src": "'none'",
    "script-src": "'self'",
    "style-src": "'self'",
    "img-src": "'self' data:",  # Bootstrap draws its ticks and arrows as data: images
    "font-src": "'self'",
    "connect-src": "'self'",
    "form-action": "'self'",
    "frame-ancestors": "'none'",
    "base-uri": "'none'",
}
CONTENT_SECURITY_POLICY = "; ".join(f"{name} {allowed}" for name, allowed in _SOURCES.items())
# What a page may ask a browser for: nothing, unless `extend` names it.
_FEATURES = ("camera", "geolocation", "microphone", "payment", "usb", "interest-cohort")
_ALWAYS = {
    "Content-Security-Policy": CONTENT_SECURITY_POLICY,
    "X-Content-Type-Options": "nosniff",
    # Login links carry a secret: no address leaves this site. Not `no-referrer`: CSRF over https checks it.
    "Referrer-Policy": "same-origin",
    "Permissions-Policy": ", ".join(f"{name}=()" for name in _FEATURES),
    "Cross-Origin-Opener-Policy": "same-origin",
    "Cross-Origin-Resource-Policy": "same-origin",
}
_TWO_YEARS = 63_072_000


def extend(
    response: Response, sources: Mapping[str, tuple[str, ...]], features: Mapping[str, tuple[str, ...]]
) -> Response:
    """Let one answer use foreign origins: `sources` by CSP directive, `features` by name (ours always among them).

    What a page does not name stays as strict as everywhere.
    """
    wanted = {
        name: " ".join(filter(None, (_SOURCES.get(name, ""), *sources.get(name, ()))))
        for name in (*_SOURCES, *(name for name in sources if name not in _SOURCES))
    }
    response.headers["Content-Security-Policy"] = "; ".join(f"{n} {allowed}" for n, allowed in wanted.items())
    response.headers["Permissions-Policy"] = ", ".join(
        f"{name}=({' '.join(['self', *(chr(34) + o + chr(34) for o in features[name])])})"
        if name in features
        else f"{name}=()"
        for name in _FEATURES
    )
    return response


def install(app: Flask, production: bool) -> None:
    def secure(response: Response) -> Response:
        for name, value in _ALWAYS.items():
            response.headers.setdefault(name, value)
        if production:
            response.headers["Strict-Transport-Security"] = f"max-age={_TWO_YEARS}; includeSubDomains"
        if request.blueprint != "assets":
            # Somebody's debts: no copy in any cache, and none behind the back button after signing out.
            response.headers.setdefault("Cache-Control", "no-store")
            response.vary.update(("HX-Request", "Cookie", "Accept-Language"))
        return response

    app.after_request(secure)
