"""What is shown of an account: balances, lists, one document, payments, statements; each in its owner's scope."""

from datetime import timedelta
from itertools import pairwise

import pytest
from sqlalchemy import text

from shared import clock, db
from shared.actor import SYSTEM, staff
from shared.errors import NotAllowed, NotFound
from shared.ids import new_id
from shared.ledger.rules import Status, status
from shared.payments.announcing import announce
from shared.payments.queries import payables
from shared.payments.rules import Choice
from shared.reporting import statement
from shared.reporting.account import balances, parties
from shared.reporting.items import STATES, items
from shared.reporting.one_item import one_item
from shared.reporting.statement import Period, WrongPeriod
from shared.reporting.transfers import announced, one_received, received, waiting
from tests.make.account import Account, in_days, many_items

pytestmark = pytest.mark.usefixtures("database")


@pytest.fixture
def account(database):
    return Account()


def ask(query, actor, **given):
    with db.reading(actor) as session:
        return query(session, actor, **given)


def pay(account, *choices):
    with db.writing(account.actor) as session:
        return announce(session, account.actor, [Choice(account.items[n], m) for n, m in choices], in_days(1))


def test_a_balance_is_what_is_to_pay_and_credits_and_announced_each_once(account):
    pay(account, ("late", 50_000), ("credit", -5_000))
    found = {(b.creditor, b.customer): b for b in ask(balances, account.actor)}
    assert len(found) == 3
    goods = found["Ateliers Vernaison SAS", "Client C0001"]
    assert goods.balance_minor == goods.to_pay_minor + goods.credits_minor + goods.announced_minor
    assert goods.announced_minor == 45_000
    assert goods.credits_minor == -15_000 - 5_000  # the rest of the credit note, and the money on account
    assert (goods.overdue_minor, goods.overdue_count) == (70_000 + 50_000, 2)
    assert (goods.due_soon_minor, goods.due_soon_count) == (45_050, 1)
    assert goods.next_due_on == in_days(3)
    assert found["Vernaison Services SARL", "Client C0001"].overdue_minor == 36_000


def test_the_lists_say_what_the_status_function_says(account):
    pay(account, ("soon", None), ("late", 50_000))
    everything = ask(items, account.actor, state="all").rows
    told = {
        i.number: status(
            amount_minor=i.amount_minor, open_minor=i.open_minor, due_on=i.due_on, today=clock.today(),
            announced_minor=i.announced_minor,
        )
        for i in everything
    }  # fmt: skip
    assert {i.number: i.status for i in everything} == told
    assert told["F2026-000103"] is Status.ANNOUNCED
    assert told["F2026-000101"] is Status.OVERDUE

    def numbers(state):
        return {i.number for i in ask(items, account.actor, state=state).rows}

    assert numbers("overdue") == {n for n, s in told.items() if s is Status.OVERDUE}
    assert (
        numbers("paid") == {n for n, s in told.items() if s in (Status.PAID, Status.USED)} == {"F2026-000090"}
    )
    assert numbers("open") == {
        n for n, s in told.items() if s not in (Status.PAID, Status.USED, Status.CREDIT)
    }
    assert "A2026-000007" in numbers("credits")
    assert any(n.startswith("REC-") for n in numbers("credits")), "money on account is a credit too"


def test_lists_are_searched_by_number_order_and_amount_and_never_leave_the_scope(account):
    def found(search, **given):
        return [i.number for i in ask(items, account.actor, state="all", search=search, **given).rows]

    assert found("2026-000103") == found("f2026 000103") == ["F2026-000103"]
    assert found("po-77") == found("1 200,00") == ["F2026-000101"]
    assert found("F2026-000200") == found("%") == found("_") == []
    assert found("", creditor=account.services.creditor_id) == ["S-2026-14"]
    assert found("", customers=[account.paris]) == ["F2026-000107"]
    assert found("", customers=[account.stranger]) == []


def test_pages_are_cut_in_sql_and_miss_nothing(account):
    many_items(account.books, account.lyon, 120)
    seen = []
    for page in (1, 2, 3, 4):
        part = ask(items, account.actor, state="open", page=page, size=50)
        assert part.total == 128 and len(part.rows) <= 50
        assert sum(s.count for s in part.sums) == 128
        seen += part.rows
    assert len({i.id for i in seen}) == 128
    assert all(a.due_on <= b.due_on for a, b in pairwise(seen))


def test_one_document_with_everything(account):
    late = ask(one_item, account.actor, item_id=account.items["late"])
    assert (late.total_excl_minor, late.vat_minor, late.vat[0].base_minor) == (100_000, 20_000, 100_000)
    assert late.item.order_ref == "PO-7781" and late.document_name == "late.pdf"
    assert late.payee and (late.payee.name, late.payee.is_factor) == ("Ateliers Vernaison SAS", False)
    assert [s.amount_minor for s in late.settlements] == [-15_000, 15_000], "the mistake and its correction"
    factored = ask(one_item, account.actor, item_id=account.items["factored"])
    assert factored.payee and (factored.payee.name, factored.payee.is_factor) == ("Facto Nord SA", True)
    assert ask(one_item, account.actor, item_id=account.items["doubtful"]).payee is None
    for other in (account.items["theirs"], new_id(), account.receipts["whole"]):
        with pytest.raises(NotFound):
            ask(one_item, account.actor, item_id=other)


def test_receipts_show_what_they_paid_and_what_was_taken_back(account):
    page = ask(received, account.actor)
    told = {r.id: r for r in page.rows}
    assert page.total == 4 and account.receipts["theirs"] not in told
    whole, mistake = told[account.receipts["whole"]], told[account.receipts["mistake"]]
    assert [(p.number, p.amount_minor) for p in whole.parts] == [("F2026-000090", 60_000)]
    assert (mistake.state, mistake.undone_on, mistake.parts) == ("corrected", clock.today(), ())
    assert told[account.receipts["spare"]].open_minor == -5_000
    assert ask(one_received, account.actor, receipt_id=whole.id) == whole
    with pytest.raises(NotFound):
        ask(one_received, account.actor, receipt_id=account.receipts["theirs"])


def test_announced_payments_and_their_documents(account):
    made = pay(account, ("late", 40_000), ("credit", -5_000), ("service", None), ("factored", None))
    assert len(made) == 3
    found = ask(waiting, account.actor)
    assert {p.amount_minor for p in found} == {35_000, 36_000, 90_000}
    assert [p.payee_name for p in found if p.to_factor] == ["Facto Nord SA"]
    mixed = next(p for p in found if p.amount_minor == 35_000)
    assert [(p.number, p.amount_minor) for p in mixed.parts] == [
        ("F2026-000101", 40_000),
        ("A2026-000007", -5_000),
    ]
    assert {p.id for p in ask(announced, account.actor, payment_ids=[p.id for p in found])} == {
        p.id for p in made
    }
    stranger = account.books.debtor(account.stranger)
    with pytest.raises(NotFound):
        ask(announced, stranger, payment_ids=[mixed.id])
    with pytest.raises(NotFound):
        ask(announced, account.actor, payment_ids=[mixed.id, new_id()])


def test_nothing_is_payable_twice_when_money_overtook_its_announcement(account):
    pay(account, ("late", 120_000))
    account._receive("overtook", 100_000, 0, [("late", 100_000)])
    found = {p.item_id for p in ask(payables, account.actor)}
    assert account.items["late"] not in found
    goods = ask(balances, account.actor, customers=[account.lyon])[0]
    assert goods.announced_minor == 20_000, "no more than is still open"


@pytest.mark.parametrize("back", [0, 2, 9, 30, 400])
def test_a_statement_closes_as_the_ledger(account, back):
    as_of = in_days(-back)
    with db.reading(SYSTEM) as session:
        ledger = session.execute(
            text(
                "SELECT e.creditor_id, l.customer_id, sum(l.amount_minor)::bigint AS minor FROM journal_line l"
                " JOIN journal_entry e ON e.id = l.entry_id WHERE l.account = '411' AND e.booked_on <= :as_of"
                " AND l.customer_id = ANY (:customers) GROUP BY 1, 2 HAVING sum(l.amount_minor) <> 0"
            ),
            {"as_of": as_of, "customers": list(account.actor.customers)},
        ).all()
    period = Period(as_of - timedelta(days=10), as_of)
    found = ask(statement.accounts, account.actor, period=period)
    told = {(a.creditor_id, a.customer_id): a.closing_minor for a in found if a.closing_minor}
    assert told == {(r.creditor_id, r.customer_id): r.minor for r in ledger}
    for a in found:
        assert a.opening_minor + a.debits_minor + a.credits_minor == a.closing_minor


def test_each_line_moves_the_balance_by_its_amount(account):
    period = Period(in_days(-20), clock.today())
    found = ask(statement.accounts, account.actor, period=period)
    rows = ask(statement.lines, account.actor, period=period, size=1000)
    with db.reading(account.actor) as session:
        assert list(statement.every_line(session, account.actor, period)) == rows
    at = iter(rows)
    for a in found:
        balance = a.opening_minor
        for _ in range(a.lines):
            line = next(at)
            assert (line.creditor_id, line.customer_id) == (a.creditor_id, a.customer_id)
            balance += line.amount_minor
            assert line.balance_minor == balance
        assert balance == a.closing_minor
    assert next(at, None) is None
    paged = [
        line
        for page in (1, 2, 3)
        for line in ask(statement.lines, account.actor, period=period, page=page, size=7)
    ]
    assert paged == rows[:21]
    with pytest.raises(WrongPeriod):
        Period(clock.today(), in_days(-1))


def test_staff_see_whom_they_name_and_need_the_permission(account):
    nadia = staff(new_id(), "Nadia Benali", "collector")
    assert ask(balances, nadia) == []
    assert [b.customer_id for b in ask(balances, nadia, customers=[account.stranger])] == [account.stranger]
    assert len(ask(items, nadia, customers=[account.lyon, account.stranger], state="all").rows) == 10
    assert ask(parties, nadia, customers=[account.lyon]).several_creditors
    nobody = account.actor.__class__("staff", new_id(), "Nobody", frozenset())
    with pytest.raises(NotAllowed):
        ask(balances, nobody, customers=[account.lyon])


@pytest.mark.parametrize("state", [*STATES, "nonsense"])
def test_amounts_of_two_currencies_are_never_added(account, state):
    with db.writing(SYSTEM) as session:
        session.execute(
            text(
                "INSERT INTO open_item (id, creditor_id, customer_id, kind, number, number_key, currency,"
                " amount_minor, open_minor, issued_on, due_on, created_at) VALUES (gen_random_uuid(), :creditor,"
                " :customer, 'invoice', 'CHF-1', 'CHF1', 'CHF', 7000, 7000, :day, :day, now())"
            ),
            {"creditor": account.books.creditor_id, "customer": account.paris, "day": in_days(-1)},
        )
    sums = {s.currency: s for s in ask(items, account.actor, state=state).sums}
    if "CHF" in sums:
        assert sums["CHF"].amount_minor == 7000
    assert ("CHF" in sums) == (state in ("open", "overdue", "all", "nonsense"))
    assert {b.currency for b in ask(balances, account.actor)} == {"EUR", "CHF"}
