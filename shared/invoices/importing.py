"""Take the documents of one file into the books, or tell what that would do.

All of it or nothing: the caller's transaction holds the whole file. The same file again changes nothing. What comes
with another due day, order reference, payee or document is changed, and the change audited; what comes with another
amount, currency, customer, kind or day of issue is refused. O(rows), set-based.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from hashlib import sha256

from sqlalchemy.orm import Session

from shared.actor import Actor, Permission
from shared.audit.actions import record
from shared.creditors.actions import by_code, the_only_one
from shared.db import driver
from shared.documents.files import FindDocument
from shared.errors import DomainError, NotFound
from shared.i18n import N_
from shared.invoices.booking import Booking
from shared.invoices.changes import changed, refused
from shared.invoices.files import InvoiceRow
from shared.invoices.staging import Paper, Staging
from shared.outbox.actions import record_fact
from shared.tabular.imported import (
    MAX_REFUSED,
    Change,
    ImportResult,
    Preview,
    Refusals,
    RefusedRows,
    Remark,
    RowPreview,
)
from shared.tabular.rows import RowError

_DOCUMENTS = """
    SELECT j.line, j.document, d.sha256 FROM judged_invoice j LEFT JOIN invoice v ON v.id = j.item_id
    LEFT JOIN document d ON d.id = v.document_id
    WHERE j.document <> '' AND j.outcome IN ('created', 'updated', 'unchanged') ORDER BY j.line"""
_REFUSE = "UPDATE judged_invoice SET outcome = 'refused' WHERE line = ANY (%s)"
_ATTACH = """
    UPDATE judged_invoice j SET attached = t.name, outcome = CASE j.outcome WHEN 'created' THEN 'created'
                                                                            ELSE 'updated' END
    FROM unnest(%s::integer[], %s::text[]) AS t (line, name) WHERE j.line = t.line"""

# A person looks at the first rows of a preview; the counts speak of all of them.
PREVIEW_ROWS = 200


@dataclass(frozen=True, slots=True)
class Given:
    """How a file is to be taken. `creditor`: the code to use where the file names none; `find`: its documents."""

    file: str
    format: str
    creditor: str | None = None
    skip_bad_rows: bool = False
    find: FindDocument | None = None
    paper: Paper = Paper()  # noqa: RUF009 - a tuple


def import_rows(
    session: Session,
    actor: Actor,
    rows: Iterable[InvoiceRow | RowError],
    given: Given,
    progress: Callable[[int], None] = lambda rows: None,
) -> ImportResult:
    """Import documents; refused whole (`RefusedRows`) when one row is, unless bad rows are to be skipped."""
    work = _Import(session, actor, rows, given, progress)
    if work.refusals.errors and not given.skip_bad_rows:
        raise RefusedRows(work.refusals.in_order())
    booking = Booking(session, actor)
    booking.book(given.format, given.file)
    if given.find is not None:
        booking.attach(work.documents, given.find)
    result = work.result([*work.remarks, *booking.remarks])
    if result.created or result.updated:
        counts = {"rows": result.rows, "created": result.created, "updated": result.updated}
        told = {**counts, "refused": len(work.refusals.lines)}
        record(session, actor, "import_invoices", "file", given.file, counts=told)
        record_fact(session, "invoices_imported", None, **counts)
    return result


def preview_rows(
    session: Session, actor: Actor, rows: Iterable[InvoiceRow | RowError], given: Given
) -> Preview:
    """What `import_rows` would do, by the same comparison; it changes nothing."""
    work = _Import(session, actor, rows, given, lambda rows: None)
    return Preview(work.result(work.remarks), tuple(work.shown()))


class _Import:
    """One file compared with the books, nothing written yet."""

    def __init__(
        self,
        session: Session,
        actor: Actor,
        rows: Iterable[InvoiceRow | RowError],
        given: Given,
        progress: Callable[[int], None],
    ) -> None:
        actor.must(Permission.IMPORT_INVOICES)
        self._session = session
        self._given = given
        self._connection = driver(session)
        self.refusals = Refusals()
        self.remarks: list[Remark] = []
        self.documents: list[tuple[int, str]] = []
        staging = Staging(self._connection, self._default_creditor())
        staged = staging.take(self.refusals.sift(rows), given.paper, progress)
        self._rows = staged + len(self.refusals.lines)
        staging.judge()
        for error in refused(self._connection, MAX_REFUSED + 1):
            self.refusals.add(error)
        self._look_at_documents()
        self._counts = self._count()

    def result(self, remarks: Iterable[Remark]) -> ImportResult:
        count = self._counts.get
        return ImportResult(
            self._given.format,
            rows=self._rows,
            created=count("created", 0),
            updated=count("updated", 0),
            unchanged=count("unchanged", 0) + count("nothing", 0),
            duplicates=count("duplicate", 0),
            rejected=self.refusals.in_order(),
            remarks=tuple(remarks),
        )

    def shown(self) -> Iterator[RowPreview]:
        """The first rows that change or create something."""
        for part in changed(self._connection):
            for _, line, number, fields in part[:PREVIEW_ROWS]:
                yield RowPreview(line, number, "updated", "", tuple(Change(*each) for each in fields))
            break
        created = self._connection.execute(
            "SELECT line, number, customer_ref, customer_id IS NULL FROM judged_invoice WHERE outcome = 'created'"
            " ORDER BY line LIMIT %s",
            [PREVIEW_ROWS],
        )
        for line, number, customer, unknown in created:
            yield RowPreview(line, number, "created", N_("new customer") if unknown else customer)

    def _default_creditor(self) -> str:
        """The code for rows that name no creditor; empty when there are several to choose from."""
        if code := self._given.creditor:
            return by_code(self._session, code).code
        try:
            return the_only_one(self._session).code
        except NotFound:
            raise
        except DomainError:
            return ""

    def _look_at_documents(self) -> None:
        """Which rows bring a document that the books do not have yet; one that cannot be read refuses its row."""
        refused_lines: list[int] = []
        left_out = 0
        with self._connection.cursor(name="documents") as cursor:
            cursor.execute(_DOCUMENTS)
            for line, name, digest in cursor:
                if self._given.find is None:
                    left_out += 1
                    continue
                try:
                    if sha256(self._given.find(name).content).digest() != digest:
                        self.documents.append((line, name))
                except DomainError as refusal:
                    self.refusals.add(RowError(line, "document", name[:60], refusal.sentence, refusal.params))
                    refused_lines.append(line)
        if left_out:
            told = N_(
                "%(count)s documents were left out: only the command line sees what lies beside a file."
            )
            self.remarks.append(Remark(told, {"count": left_out}))
        if refused_lines:
            self._connection.execute(_REFUSE, [refused_lines])
        if self.documents:
            lines, names = zip(*self.documents, strict=True)
            self._connection.execute(_ATTACH, [list(lines), list(names)])

    def _count(self) -> dict[str, int]:
        found = self._connection.execute("SELECT outcome, count(*) FROM judged_invoice GROUP BY outcome")
        counts = dict(found.fetchall())
        if nothing := counts.get("nothing"):
            told = N_("%(count)s documents of zero were left out: nothing is owed.")
            self.remarks.append(Remark(told, {"count": nothing}))
        return counts
