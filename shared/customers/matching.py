"""Recognise the buyer of an electronic invoice among the customers, and keep what it says of a new one."""

from __future__ import annotations

from collections.abc import Mapping

from sqlalchemy import text
from sqlalchemy.orm import Session

from shared.errors import RefusedFile
from shared.i18n import N_

_BY_REF = text("SELECT ref FROM customer WHERE ref = :ref AND coalesce(nullif(siren, ''), :siren) = :siren")
_BY_REF_ALONE = text("SELECT ref FROM customer WHERE ref = :ref")
_BY_SIREN = text("SELECT ref FROM customer WHERE siren = :siren ORDER BY ref LIMIT 3")
_BY_VAT_ID = text("SELECT ref FROM customer WHERE vat_id = :vat_id ORDER BY ref LIMIT 3")
_COMPLETE = text("""
    UPDATE customer SET siren = nullif(:siren, ''), vat_id = nullif(:vat_id, ''), address = nullif(:address, ''),
           postcode = nullif(:postcode, ''), city = nullif(:city, ''), country = coalesce(nullif(:country, ''), country)
    WHERE ref = :ref AND updated_at = created_at AND siren IS NULL AND vat_id IS NULL AND address IS NULL
      AND city IS NULL""")


def known_ref(session: Session, reference: str, siren: str, vat_id: str) -> str | None:
    """The number of the customer that a buyer is: by our number for it unless its SIREN is another one, else by
    SIREN, else by VAT number."""
    if reference:
        query = _BY_REF if siren else _BY_REF_ALONE
        if found := session.scalar(query, {"ref": reference, "siren": siren}):
            return str(found)
    for query, value in ((_BY_SIREN, siren), (_BY_VAT_ID, vat_id)):
        if value:
            refs = session.scalars(query, {"siren": siren, "vat_id": vat_id}).all()
            if len(refs) > 1:
                told = N_(
                    "Several customers have the number %(value)s (%(refs)s …): the invoice must name ours."
                )
                raise RefusedFile(told, column="BuyerTradeParty", value=value, refs=", ".join(refs))
            if refs:
                return str(refs[0])
    return None


def complete(session: Session, ref: str, details: Mapping[str, str]) -> None:
    """Keep the buyer's particulars for a customer of whom nothing but number and name is known."""
    session.execute(_COMPLETE, {"ref": ref, **details})
