"""All that the page of one bank line shows: the line, what it could pay, what is ticked and what that leaves."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any
from uuid import UUID

from backoffice.asked import optional_uuid, uuid_of
from shared.actor import Actor, Permission
from shared.errors import Conflict, DomainError
from shared.i18n import N_
from shared.matching import finding, history, queries
from shared.matching.by_hand import Chosen, Plan, plan
from shared.matching.queries import Line, Neighbours, QueueFilter, QueueLine
from shared.matching.suggest import Candidate, highlighted
from shared.money import parse_minor

_NEXT_SHOWN = 8


@dataclass(frozen=True, slots=True)
class Ticked:
    """What came back from the page. `seen_minor`: what the person saw was left of the line."""

    items: tuple[UUID, ...] = ()
    typed: Mapping[UUID, str] = field(default_factory=dict)
    words: str = ""
    keep: UUID | None = None
    seen_minor: int | None = None

    @classmethod
    def from_form(cls, form: Any) -> Ticked:
        ids = tuple(dict.fromkeys(uuid_of(text) for text in form.getlist("item")))
        typed = {item: text for item in ids if (text := form.get(f"amount-{item}", "").strip())}
        seen = form.get("seen", "")
        return cls(
            items=ids,
            typed=typed,
            words=form.get("find", "").replace("\x00", "").strip()[:100],
            keep=optional_uuid(form.get("keep")),
            seen_minor=int(seen) if seen.isascii() and seen.isdigit() else None,
        )


@dataclass(frozen=True, slots=True)
class Row:
    """An item that can be ticked. `why` is a message id; `minor`: what the plan gives it, signed."""

    item: Candidate
    why: str
    params: dict[str, str]
    ticked: bool
    typed: str
    minor: int


@dataclass(frozen=True, slots=True)
class Desk:
    line: Line
    text: list[tuple[str, bool]]
    suggested: list[Row]
    found: list[Row]
    plan: Plan
    refused: DomainError | None
    keepers: list[finding.Keeper]
    ticked: Ticked
    following: list[QueueLine]
    neighbours: Neighbours
    last_match: UUID | None
    wanted: QueueFilter

    @property
    def chosen(self) -> list[Row]:
        return [row for row in (*self.suggested, *self.found) if row.ticked]


def desk_of(session: Any, actor: Actor, line_id: UUID, ticked: Ticked, wanted: QueueFilter) -> Desk:
    """Read it all in one transaction: a bounded number of statements, whatever the size of the books."""
    line = queries.line(session, actor, line_id)
    best = finding.suggestions(session, actor, line)
    shown = {each.candidate.item_id for each in best.suggestions}
    others = finding.items(session, actor, line, [each for each in ticked.items if each not in shown])
    searched = [c for c in finding.search(session, actor, line, ticked.words) if c.item_id not in shown]
    others += [c for c in searched if c.item_id not in {o.item_id for o in others}]
    by_id = {c.item_id: c for c in (*(s.candidate for s in best.suggestions), *others)}
    shares, refused = _share_out(line, ticked, by_id)
    minors = dict(shares.parts)

    def row(item: Candidate, why: str, params: dict[str, str]) -> Row:
        chosen = item.item_id in ticked.items
        typed = ticked.typed.get(item.item_id, "")
        return Row(item, why, params, chosen, typed, minors.get(item.item_id, 0))

    customers = {c.customer_id for c in by_id.values()}
    may = actor.may(Permission.RECONCILE)
    return Desk(
        line=line,
        text=list(highlighted(line.remittance, best.keys)),
        suggested=[row(s.candidate, s.why, s.params) for s in best.suggestions],
        found=[row(c, N_("You looked for it."), {}) for c in others],
        plan=shares,
        refused=refused,
        keepers=finding.keepers(session, actor, sorted(customers), ticked.words),
        ticked=ticked,
        following=queries.following(session, actor, line, wanted, _NEXT_SHOWN),
        neighbours=queries.neighbours(session, actor, line, wanted),
        last_match=history.last_assigned_by(session, actor) if may else None,
        wanted=wanted,
    )


def _share_out(
    line: Line, ticked: Ticked, by_id: Mapping[UUID, Candidate]
) -> tuple[Plan, DomainError | None]:
    """What each ticked item gets; on a wrong amount nothing, with the sentence that says why."""
    try:
        if any(each not in by_id for each in ticked.items):  # settled by somebody else meanwhile
            raise Conflict
        chosen = [_chosen(by_id[each], ticked) for each in ticked.items]
        return plan(line.open_minor, chosen), None
    except DomainError as refused:
        return Plan((), line.open_minor), refused


def _chosen(item: Candidate, ticked: Ticked) -> Chosen:
    text = ticked.typed.get(item.item_id)
    typed = abs(parse_minor(text, item.currency)) if text else None
    return Chosen(item.item_id, item.number, item.open_minor, typed)
