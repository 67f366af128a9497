"""Take a customers file into the books, or tell what that would do: created, changed field by field, unchanged.

All of it or nothing, in the caller's transaction. An empty cell leaves what is known as it is. O(rows), set-based.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from typing import Any, BinaryIO

from psycopg import Connection
from sqlalchemy.orm import Session

from shared import clock
from shared.actor import Actor, Permission
from shared.audit.actions import record
from shared.customers.files import CustomerRow, read_customers
from shared.customers.rules import search_key
from shared.db import driver
from shared.i18n import N_
from shared.ids import new_ids
from shared.outbox.actions import record_fact
from shared.tabular.copy_text import optional, pieces, text
from shared.tabular.imported import (
    MAX_REFUSED,
    Change,
    ImportResult,
    Preview,
    Refusals,
    RefusedRows,
    RowPreview,
)
from shared.tabular.rows import RowError

PREVIEW_ROWS = 200

# The columns a file may fill, by their names in the table; the file calls three of them otherwise.
_FIELDS = (
    *("name", "siren", "vat_id", "country", "language", "email", "phone", "address", "postcode", "city"),
    *("segment", "sales_owner", "group_code", "credit_limit_minor", "payment_terms", "kind"),
)
_CREATE = f"""
    CREATE TEMP TABLE incoming_customer (
        line integer, id uuid, ref text, search_key text, {", ".join(f"{name} text" for name in _FIELDS)}, ibans text[]
    ) ON COMMIT DROP"""
_COPY = f"COPY incoming_customer (line, id, ref, search_key, {', '.join(_FIELDS)}, ibans) FROM STDIN"
_ALL = f"ROW({', '.join(f'i.{f}' for f in _FIELDS)}, i.ibans)::text"
# A customer who stands twice: the first row counts, the others must say the same.
_JUDGE = f"""
    CREATE TEMP TABLE judged_customer ON COMMIT DROP AS
    SELECT i.*, c.id AS customer_id, CASE
        WHEN i.line <> min(i.line) OVER (PARTITION BY i.ref) THEN
            CASE WHEN {_ALL} = first_value({_ALL}) OVER (PARTITION BY i.ref ORDER BY i.line) THEN 'duplicate'
                 ELSE 'repeated' END
        WHEN c.id IS NULL THEN 'created'
        WHEN {" OR ".join(f"i.{f} IS NOT NULL AND i.{f} IS DISTINCT FROM c.{f}::text" for f in _FIELDS)}
             OR EXISTS (SELECT FROM unnest(i.ibans) AS n (iban) WHERE NOT EXISTS (
                 SELECT FROM customer_iban k WHERE k.customer_id = c.id AND k.iban = n.iban)) THEN 'updated'
        ELSE 'unchanged' END AS outcome
    FROM incoming_customer i LEFT JOIN customer c ON c.ref = i.ref"""
_CHANGED = f"""
    SELECT j.line, j.ref, (
        SELECT jsonb_agg(jsonb_build_array(name, coalesce(old, ''), new)) FROM (VALUES
            {", ".join(f"('{f}', c.{f}::text, j.{f})" for f in _FIELDS)},
            ('iban', '', (SELECT nullif(string_agg(n.iban, ' '), '') FROM unnest(j.ibans) AS n (iban)
                          WHERE NOT EXISTS (SELECT FROM customer_iban k WHERE k.customer_id = c.id
                                                                          AND k.iban = n.iban))))
            AS v (name, old, new) WHERE new IS NOT NULL AND new IS DISTINCT FROM old)
    FROM judged_customer j JOIN customer c ON c.id = j.customer_id
    WHERE j.outcome = 'updated' ORDER BY j.line"""
_OTHER_TYPES = {"credit_limit_minor": "::bigint"}
_DEFAULTS = {"country": "'FR'", "language": "'fr'", "payment_terms": "'30 net'", "kind": "'business'"}
_INSERT = f"""
    INSERT INTO customer (id, ref, search_key, {", ".join(_FIELDS)}, created_at, updated_at)
    SELECT id, ref, search_key,
           {", ".join(f"coalesce({f}, {_DEFAULTS[f]})" if f in _DEFAULTS else f + _OTHER_TYPES.get(f, "") for f in _FIELDS)},
           %(now)s, %(now)s
    FROM judged_customer WHERE outcome = 'created'"""
_UPDATE = f"""
    UPDATE customer c SET search_key = j.search_key, updated_at = %(now)s,
           {", ".join(f"{f} = coalesce(j.{f}{_OTHER_TYPES.get(f, '')}, c.{f})" for f in _FIELDS)}
    FROM judged_customer j WHERE j.outcome = 'updated' AND c.id = j.customer_id"""
_INSERT_IBANS = """
    INSERT INTO customer_iban (customer_id, iban, source, since)
    SELECT DISTINCT coalesce(j.customer_id, j.id), n.iban, 'file', %(now)s FROM judged_customer j, unnest(j.ibans) AS n (iban)
    WHERE j.outcome IN ('created', 'updated') ON CONFLICT DO NOTHING"""
_PART = 1000


def import_customers(
    session: Session,
    actor: Actor,
    source: BinaryIO,
    file: str,
    *,
    skip_bad_rows: bool = False,
    progress: Callable[[int], None] = lambda rows: None,
) -> ImportResult:
    """Import a customers file; refused whole (`RefusedRows`) when one row is, unless bad rows are to be skipped."""
    found = read_customers(source)
    kind_told = "kind" in found.columns
    return import_rows(
        session, actor, found.rows, file, found.format,
        skip_bad_rows=skip_bad_rows, kind_told=kind_told, progress=progress,
    )  # fmt: skip


def import_rows(
    session: Session,
    actor: Actor,
    rows: Iterable[CustomerRow | RowError],
    file: str,
    format: str,  # noqa: A002
    *,
    skip_bad_rows: bool = False,
    kind_told: bool = True,
    progress: Callable[[int], None] = lambda rows: None,
) -> ImportResult:
    """Import customers that were read already. `kind_told`: whether the file says what kind each one is."""
    work = _Import(session, actor, rows, kind_told, progress)
    if work.refusals.errors and not skip_bad_rows:
        raise RefusedRows(work.refusals.in_order())
    for part in work.changed():
        changes = {ref: {name: [old, new] for name, old, new in fields} for _, ref, fields in part}
        record(session, actor, "change_customers", "file", file, changes=changes)
    connection, now = driver(session), {"now": clock.now()}
    for statement in (_INSERT, _UPDATE, _INSERT_IBANS):
        connection.execute(statement, now)
    result = work.result(format)
    work.close()
    if result.created or result.updated:
        counts = {"rows": result.rows, "created": result.created, "updated": result.updated}
        told = {**counts, "refused": len(work.refusals.lines)}
        record(session, actor, "import_customers", "file", file, counts=told)
        record_fact(session, "customers_imported", None, **counts)
    return result


def preview_customers(session: Session, actor: Actor, source: BinaryIO) -> Preview:
    """What `import_customers` would do, by the same comparison; it changes nothing."""
    found = read_customers(source)
    work = _Import(session, actor, found.rows, "kind" in found.columns, lambda rows: None)
    preview = Preview(work.result(found.format), tuple(work.shown()))
    work.close()
    return preview


class _Import:
    """One file compared with the customers, nothing written yet."""

    def __init__(
        self,
        session: Session,
        actor: Actor,
        rows: Iterable[CustomerRow | RowError],
        kind_told: bool,
        progress: Callable[[int], None],
    ) -> None:
        actor.must(Permission.IMPORT_CUSTOMERS)
        self._connection: Connection[Any] = driver(session)
        self.refusals = Refusals()
        run = self._connection.execute
        run(_CREATE)
        count = 0
        with self._connection.cursor() as cursor, cursor.copy(_COPY) as copy:
            for piece in pieces(_lines(self.refusals.sift(rows), kind_told)):
                copy.write(piece)
                count += piece.count("\n")
                progress(count)
        self._rows = count + len(self.refusals.lines)
        # One file at a time: a customer who is new for it stays new until it commits.
        run("SELECT pg_advisory_xact_lock(hashtextextended('import customers', 0))")
        run("ANALYZE incoming_customer (ref)")
        run(_JUDGE)
        repeated = run(
            "SELECT line, ref FROM judged_customer WHERE outcome = 'repeated' ORDER BY line LIMIT %s",
            [MAX_REFUSED + 1],
        )
        for line, ref in repeated:
            told = N_("“%(value)s” stands in this file already, with other values.")
            self.refusals.add(RowError(line, "customer_ref", ref[:60], told, {"value": ref[:60]}))
        self._counts = dict(run("SELECT outcome, count(*) FROM judged_customer GROUP BY outcome").fetchall())

    def changed(self) -> Iterator[list[tuple[int, str, list[list[str]]]]]:
        """The customers that change, by the thousand: line, number, and (field, old, new) for each field."""
        with self._connection.cursor(name="changed_customers") as cursor:
            cursor.execute(_CHANGED)
            while part := cursor.fetchmany(_PART):
                yield [(line, ref, fields or []) for line, ref, fields in part]

    def shown(self) -> Iterator[RowPreview]:
        """The first rows that change or create something."""
        for line, ref, fields in next(self.changed(), [])[:PREVIEW_ROWS]:
            yield RowPreview(line, ref, "updated", "", tuple(Change(*each) for each in fields))
        created = self._connection.execute(
            "SELECT line, ref, name FROM judged_customer WHERE outcome = 'created' ORDER BY line LIMIT %s",
            [PREVIEW_ROWS],
        )
        for line, ref, name in created:
            yield RowPreview(line, ref, "created", name)

    def result(self, format: str) -> ImportResult:  # noqa: A002
        count = self._counts.get
        return ImportResult(
            format,
            rows=self._rows,
            created=count("created", 0),
            updated=count("updated", 0),
            unchanged=count("unchanged", 0),
            duplicates=count("duplicate", 0),
            rejected=self.refusals.in_order(),
        )

    def close(self) -> None:
        self._connection.execute("DROP TABLE judged_customer; DROP TABLE incoming_customer")


def _lines(rows: Iterable[CustomerRow], kind_told: bool) -> Iterator[str]:
    for row in rows:
        (
            line, ref, name, siren, vat_id, country, language, email, phone, address, postcode, city, segment, owner,
            group, limit, terms, ibans, kind,
        ) = row  # fmt: skip
        texts = (
            name,
            siren,
            vat_id,
            country,
            language,
            email,
            phone,
            address,
            postcode,
            city,
            segment,
            owner,
            group,
        )
        cells = [optional(text(cell)) for cell in texts]
        rest = (
            optional(limit),
            optional(text(terms)),
            kind if kind_told else "\\N",
            f"{{{','.join(ibans)}}}",
        )
        yield "\t".join(
            (str(line), str(new_ids(1)[0]), text(ref), text(search_key(name)), *cells, *rest)
        ) + "\n"  # fmt: skip
