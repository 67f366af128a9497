"""Reactions to a mandate that was signed."""

from __future__ import annotations

from sqlalchemy.orm import Session

from shared.actor import SYSTEM
from shared.creditors.models import Creditor
from shared.documents import actions as documents
from shared.mandates.history import held, move
from shared.mandates.models import CreditorSepa
from shared.mandates.paper import paper
from shared.mandates.rules import Scheme, State
from shared.mandates.signing import debtor_account
from shared.outbox.facts import Fact


def complete_mandate(session: Session, fact: Fact) -> None:
    """Make the mandate's paper, a document of the customer's; a Core mandate counts from then on.

    The portal that took the signature can neither read the account nor keep documents.
    """
    assert fact.subject_id is not None
    mandate = held(session, fact.subject_id, SYSTEM)
    if mandate.provider != "own_bank" or mandate.document_id is not None:
        return
    creditor = session.get_one(Creditor, mandate.creditor_id)
    sepa = session.get_one(CreditorSepa, mandate.creditor_id)
    file = paper(mandate, debtor_account(mandate), creditor, sepa)
    mandate.document_id = documents.keep(session, file, mandate.customer_id)
    session.flush()
    if mandate.scheme == Scheme.CORE and mandate.state == State.PENDING:
        move(session, SYSTEM, mandate, State.ACTIVE, "activated")
