"""Work through many agreements, each in a transaction of its own: one that fails stops no other."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from uuid import UUID

import structlog
from sqlalchemy.orm import Session

from shared.actor import SYSTEM
from shared.db import reading, writing

log = structlog.get_logger("rails")

BATCH = 500


def one_by_one(
    found: Callable[[Session, UUID], Sequence[UUID]], verb: Callable[[Session, UUID], None]
) -> None:
    """Do `verb` for every id. `found` gives the next `BATCH` ids after one, in their order.

    The first trouble is raised when all others are done, so that the job shows as failed and is run again.
    """
    after, trouble = UUID(int=0), None
    while True:
        with reading(SYSTEM) as session:
            ids = found(session, after)
        for each in ids:
            try:
                with writing(SYSTEM) as session:
                    verb(session, each)
            except Exception as error:
                log.exception("agreement_failed", subject=str(each))
                trouble = trouble or error
        if len(ids) < BATCH:
            break
        after = ids[-1]
    if trouble is not None:
        raise trouble
