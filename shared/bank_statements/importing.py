"""Take a bank's file into the books: its statements, the lines that are new, and one journal entry per statement.

All of it or nothing: the caller's transaction holds the whole file. What was delivered before adds nothing again,
as the same file, as part of a longer one, or under another name.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterator
from typing import BinaryIO

from sqlalchemy import select, text
from sqlalchemy.orm import Session

from shared import clock
from shared.actor import Actor, Permission
from shared.audit.actions import record
from shared.bank_statements.camt import read_camt
from shared.bank_statements.imported import ImportedFile, ImportedStatement
from shared.bank_statements.models import BankStatement
from shared.bank_statements.reading import Entry, Remark, StatementEnd, StatementHead
from shared.bank_statements.staging import KnownFrom, Staging
from shared.creditors.actions import add_account
from shared.creditors.models import BankAccount, Creditor
from shared.db import driver
from shared.errors import DomainError, RefusedFile
from shared.i18n import N_
from shared.ids import new_id
from shared.ledger import actions as ledger
from shared.ledger import rules as journal
from shared.money import Money
from shared.outbox.actions import record_fact


def import_statement(
    session: Session,
    actor: Actor,
    source: BinaryIO,
    file: str,
    *,
    create_account: Creditor | None = None,
    progress: Callable[[int], None] = lambda entries: None,
) -> ImportedFile:
    """Import a camt.053 file, read twice: once for its hash, once for its entries. `file` names it for people.

    An account that is not known is added for `create_account`, or the file is refused. `progress` gets the number
    of entries read. Memory stays flat whatever the file's size; O(entries).
    """
    actor.must(Permission.IMPORT_STATEMENTS)
    sha256 = _sha256(source)
    work = _Import(session, actor, file, sha256, create_account)
    items = read_camt(source, file)
    done = tuple([work.take(head, items, progress) for head in items if isinstance(head, StatementHead)])
    work.staging.close()
    return ImportedFile(file, _FORMAT, done)


_FORMAT = "camt.053"

# The latest statement that closed before this one, in the account's own order.
_PREVIOUS = text("""
    SELECT reference, closing_minor, closing_on FROM bank_statement
    WHERE bank_account_id = :account AND id <> :id AND closing_on <= :closing_on AND closing_minor IS NOT NULL
    ORDER BY closing_on DESC, imported_at DESC, id DESC LIMIT 1""")
# One import at a time per account: what it finds unknown stays unknown until it commits.
_HOLD_ACCOUNT = text("SELECT pg_advisory_xact_lock(hashtextextended(CAST(:account AS text), 0))")


class _Import:
    """One file on its way into the books."""

    def __init__(
        self, session: Session, actor: Actor, file: str, sha256: bytes, create_account: Creditor | None
    ) -> None:
        self.staging = Staging(driver(session))
        self._session = session
        self._actor = actor
        self._file = file
        self._sha256 = sha256
        self._create_account = create_account

    def take(
        self,
        head: StatementHead,
        items: Iterator[StatementHead | Entry | StatementEnd],
        progress: Callable[[int], None],
    ) -> ImportedStatement:
        """The statement that `head` opened, to its end."""
        account = self._account(head)
        reader = _Entries(items)
        booked = self.staging.take(account.iban, reader, progress)
        end = reader.end
        self._session.execute(_HOLD_ACCOUNT, {"account": account.id})
        known = self.staging.known(account.id, end)
        duplicates = sum(each.lines for each in known)
        remarks = list(_told(end))
        earlier = self._same(account, end) if duplicates == booked else None
        if earlier is not None:
            sentence = N_("This statement was imported before, from %(file)s: nothing was added.")
            remarks.append(Remark(sentence, {"file": earlier.file_name}))
        else:
            remarks.extend(_repeated(known))
            statement = self._keep(head, account, end)
            self._keep_lines(statement, account)
            if not duplicates:
                remarks.extend(self._continuity(statement))
        return ImportedStatement(
            end.statement,
            account.iban,
            account.currency,
            end,
            booked - duplicates,
            duplicates,
            tuple(remarks),
        )

    def _account(self, head: StatementHead) -> BankAccount:
        account = self._session.scalar(
            select(BankAccount).where(BankAccount.iban == head.account, BankAccount.holder_kind == "creditor")
        )
        if account is None and self._create_account is not None:
            try:
                account = add_account(
                    self._session,
                    self._actor,
                    self._create_account,
                    head.account,
                    currency=head.currency or "EUR",
                )
            except DomainError as error:
                raise RefusedFile(error.sentence, file=self._file, **error.params) from None
        if account is None:
            sentence = N_(
                "The account %(account)s is not known here. Add it first:"
                " quittance account add %(account)s --creditor %(creditor)s"
            )
            codes = self._session.scalars(select(Creditor.code).order_by(Creditor.code).limit(2)).all()
            code = codes[0] if len(codes) == 1 else "CODE"
            raise RefusedFile(sentence, file=self._file, account=head.account[:60], creditor=code)
        if head.currency not in (None, account.currency):
            sentence = N_(
                "The statement is in %(currency)s, but the account %(account)s is kept in %(expected)s."
            )
            raise RefusedFile(
                sentence,
                file=self._file,
                currency=head.currency,
                account=account.iban,
                expected=account.currency,
            )
        return account

    def _same(self, account: BankAccount, end: StatementEnd) -> BankStatement | None:
        """The same statement, imported before."""
        s = BankStatement
        return self._session.scalar(
            select(s)
            .where(
                s.bank_account_id == account.id,
                s.reference == end.statement,
                s.opening_minor.is_not_distinct_from(end.opening_minor),
                s.closing_minor.is_not_distinct_from(end.closing_minor),
                s.closing_on.is_not_distinct_from(end.closing_on),
                s.entries == end.entries - end.not_booked,
                s.credits_minor == end.credits_minor,
                s.debits_minor == end.debits_minor,
            )
            .order_by(s.imported_at, s.id)
            .limit(1)
        )

    def _keep(self, head: StatementHead, account: BankAccount, end: StatementEnd) -> BankStatement:
        statement = BankStatement(
            id=new_id(),
            bank_account_id=account.id,
            creditor_id=account.creditor_id,
            reference=end.statement,
            format=_FORMAT,
            sequence=None if head.sequence is None else str(head.sequence),
            currency=account.currency,
            opening_minor=end.opening_minor,
            closing_minor=end.closing_minor,
            opening_on=end.opening_on,
            closing_on=end.closing_on,
            entries=end.entries - end.not_booked,
            credits_minor=end.credits_minor,
            debits_minor=end.debits_minor,
            balance_ok=end.balance_ok,
            file_name=self._file,
            file_sha256=self._sha256,
            imported_at=clock.now(),
        )
        self._session.add(statement)
        self._session.flush()
        return statement

    def _keep_lines(self, statement: BankStatement, account: BankAccount) -> None:
        """The new lines, and their journal entry: the bank has the money, nobody knows yet whose it is.

        Payments out stay lines: they are no receivables, so these books do not post them.
        """
        added = self.staging.insert(statement.id, account.id, account.creditor_id)
        # An entry that names another currency than its account is believed: that money is kept apart.
        ledger.post(
            self._session,
            [
                journal.Entry(
                    creditor_id=account.creditor_id,
                    journal="BQ",
                    event="statement",
                    booked_on=statement.closing_on or self.staging.last_booking_day(),
                    currency=currency,
                    label=statement.reference,
                    lines=[journal.Line(journal.BANK, minor), journal.Line(journal.UNASSIGNED, -minor)],
                )
                for currency, _, minor in added
                if minor
            ],
        )
        created = sum(lines for _, lines, _ in added)
        record(
            self._session,
            self._actor,
            "import_statement",
            "bank_statement",
            statement.id,
            reference=statement.reference,
            account=account.iban,
            file=self._file,
            balance_ok=statement.balance_ok,
            entries=statement.entries,
            created=created,
        )
        record_fact(
            self._session,
            "statement_imported",
            statement.id,
            bank_account_id=account.id,
            entries=statement.entries,
            created=created,
        )

    def _continuity(self, statement: BankStatement) -> Iterator[Remark]:
        """Whether this statement takes up the balance where the one before ended."""
        if statement.closing_on is None or statement.opening_minor is None:
            return
        found = self._session.execute(
            _PREVIOUS,
            {
                "account": statement.bank_account_id,
                "id": statement.id,
                "closing_on": statement.closing_on,
            },
        ).first()
        if found and found.closing_minor != statement.opening_minor:
            sentence = N_(
                "It opens with %(opening)s, but statement “%(previous)s” of %(day)s closed with %(closing)s:"
                " a statement between them may be missing."
            )
            values = {
                "opening": Money(statement.opening_minor, statement.currency),
                "previous": found.reference,
                "day": found.closing_on,
                "closing": Money(found.closing_minor, statement.currency),
            }
            yield Remark(sentence, values)


class _Entries:
    """The entries of one statement; `end` is known once they are exhausted."""

    end: StatementEnd

    def __init__(self, items: Iterator[StatementHead | Entry | StatementEnd]) -> None:
        self._items = items

    def __iter__(self) -> Iterator[Entry]:
        for item in self._items:
            if isinstance(item, StatementEnd):
                self.end = item
                return
            assert isinstance(item, Entry)
            yield item


def _sha256(source: BinaryIO) -> bytes:
    found = hashlib.sha256()
    while chunk := source.read(1 << 20):
        found.update(chunk)
    source.seek(0)
    return found.digest()


def _told(end: StatementEnd) -> Iterator[Remark]:
    yield from end.remarks
    if end.not_booked:
        sentence = N_(
            "%(count)s entries are not booked yet and were left out: a later statement brings them."
        )
        yield Remark(sentence, {"count": end.not_booked})


def _repeated(known: list[KnownFrom]) -> Iterator[Remark]:
    for each in known:
        sentence = N_(
            "%(count)s lines came with statement “%(statement)s” (%(file)s) before: not added again."
        )
        yield Remark(sentence, {"count": each.lines, "statement": each.reference, "file": each.file})
