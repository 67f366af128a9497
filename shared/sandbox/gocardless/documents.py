"""What the API only lists or lends: institutions, and mandates as PDF at an address of their own."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

from shared.sandbox.gocardless import people
from shared.sandbox.gocardless.billing_requests import INSTITUTIONS
from shared.sandbox.gocardless.refusals import misuse
from shared.sandbox.gocardless.store import Store, Thing, stamp

_FILTERS = {"country_code", "scheme", "feature", "branch_code"}
_FILTERS_OF_REQUEST = {"country_code", "ids", "include_disabled", "search"}


def institutions(args: dict[str, str], *, of_request: bool = False) -> dict[str, Any]:
    """The banks a payer may choose from."""
    for name in args.keys() - (_FILTERS_OF_REQUEST if of_request else _FILTERS):
        raise misuse(400, "invalid_filters", f"{name} is not a permitted parameter")
    country, search = args.get("country_code"), args.get("search", "").lower()
    found: list[Thing] = [
        {
            "id": known,
            "name": name,
            "country_code": place,
            "icon_url": None,
            "logo_url": None,
            "roles": ["payment_initiation"],
            "limits": {},
        }
        for known, name, place in INSTITUTIONS
        if country in (None, place) and search in name.lower()
    ]
    return {"institutions": found}


def create_mandate_pdf(store: Store, params: dict[str, Any], origin: str, language: str) -> Thing:
    """A PDF of a mandate, for half an hour."""
    mandate = people.linked(store, "mandates", params.get("links"), "mandate", "/mandate_pdfs")
    pdf = store.add(
        "mandate_pdfs",
        {
            "expires_at": stamp(store.now() + timedelta(minutes=30)),
            "_mandate": mandate["id"],
            "_language": language,
        },
    )
    pdf["url"] = f"{origin}/billing/static/mandate_pdfs/{pdf['id']}"
    store.put(pdf)
    return pdf


def mandate_pdf(store: Store, pdf_id: str) -> bytes | None:
    """The lent PDF, while its address is valid: one page that names the mandate."""
    pdf = store.find("mandate_pdfs", pdf_id)
    if pdf is None or pdf["expires_at"] <= stamp(store.now()):
        return None
    mandate = store.find("mandates", pdf["_mandate"]) or {}
    french = str(pdf["_language"]).lower().startswith("fr")
    title = "Mandat de prelevement SEPA (bac a sable)" if french else "SEPA Direct Debit mandate (sandbox)"
    return _one_page((title, f"RUM {mandate.get('reference')}", f"{mandate.get('id')}"))


def _one_page(lines: tuple[str, ...]) -> bytes:
    """The smallest valid PDF with these lines (ASCII) in Helvetica."""
    shown = " ".join(f"({line}) Tj 0 -24 Td" for line in lines)
    content = f"BT /F1 14 Tf 60 760 Td {shown} ET"
    objects = (
        "<< /Type /Catalog /Pages 2 0 R >>",
        "<< /Type /Pages /Kids [3 0 R] /Count 1 >>",
        "<< /Type /Page /Parent 2 0 R /MediaBox [0 0 595 842] /Contents 4 0 R"
        " /Resources << /Font << /F1 << /Type /Font /Subtype /Type1 /BaseFont /Helvetica >> >> >> >>",
        f"<< /Length {len(content)} >>\nstream\n{content}\nendstream",
    )
    out, places = "%PDF-1.4\n", []
    for number, body in enumerate(objects, 1):
        places.append(len(out))
        out += f"{number} 0 obj\n{body}\nendobj\n"
    table = "".join(f"{place:010} 00000 n \n" for place in places)
    size = len(objects) + 1
    out += f"xref\n0 {size}\n0000000000 65535 f \n{table}trailer\n<< /Size {size} /Root 1 0 R >>\nstartxref\n{len(out)}\n%%EOF\n"
    return out.encode("ascii")
