"""The demo group's invoices on paper: a PDF for each open document of the debtor whose portal is shown."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace
from datetime import UTC, datetime, time
from pathlib import Path

from shared import iban as ibans
from shared.demo.company import FACTOR_IBAN, FACTOR_NAME
from shared.demo.history import Paper
from shared.documents import pdf
from shared.i18n import day, money

_TEMPLATE = Path(__file__).with_name("invoice.typ")
_LABELS = {
    "VERNAISON": ("Fabrication et fourniture d’éléments métalliques", "Transport et mise en place"),
    "MAINTENANCE": ("Contrat de maintenance, visite périodique", "Pièces détachées"),
}


def with_documents(papers: Iterable[Paper], folder: Path) -> list[Paper]:
    """The papers, those that get a PDF with its path relative to `folder`."""
    result = []
    for paper in papers:
        if paper.customer.group_code and paper.paid_on is None:
            path = Path("documents") / f"{paper.number}.pdf"
            (folder / path).parent.mkdir(parents=True, exist_ok=True)
            (folder / path).write_bytes(_pdf(paper))
            result.append(replace(paper, document=str(path)))
        else:
            result.append(paper)
    return result


def _pdf(paper: Paper) -> bytes:
    title = "Avoir" if paper.kind == "credit_note" else "Facture"
    first, second = _LABELS[paper.entity.code]
    freight = paper.net_minor // 10
    entity, customer = paper.entity, paper.customer
    data = {
        "title": f"{title} {paper.number}",
        "kind": title,
        "number": paper.number,
        "issued": day("fr", paper.issued_on, "long"),
        "due": day("fr", paper.due_on, "long"),
        "seller": {"name": entity.name, "siren": entity.siren, "email": entity.email},
        "buyer": {
            "name": customer.name,
            "siren": customer.siren,
            "address": customer.address,
            "postcode": customer.postcode,
            "city": customer.city,
        },
        "lines": [
            {"label": first, "amount": money("fr", paper.net_minor - freight, "EUR")},
            {"label": second, "amount": money("fr", freight, "EUR")},
        ],
        "net": money("fr", paper.net_minor, "EUR"),
        "vat": money("fr", paper.vat_minor, "EUR"),
        "rate": paper.rate.replace(".", ","),
        "total": money("fr", paper.total_minor, "EUR"),
        "payee": _payee(paper),
        "legal": "Pénalités de retard : taux BCE + 10 points. Indemnité forfaitaire de recouvrement : 40 €. "
        "Pas d’escompte pour paiement anticipé.",
    }
    return pdf.render(_TEMPLATE, data, at=datetime.combine(paper.issued_on, time(), UTC))


def _payee(paper: Paper) -> dict[str, str]:
    if paper.factored:
        note = "Créance cédée : ce règlement n’est libératoire qu’entre les mains du factor."
        return {"name": FACTOR_NAME, "iban": ibans.grouped(FACTOR_IBAN), "note": note}
    return {"name": paper.entity.name, "iban": ibans.grouped(paper.entity.iban), "note": ""}
