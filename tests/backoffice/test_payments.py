"""Payments in the back office: what a person sees of them, refunds by two people, payouts, accounts without keys."""

from __future__ import annotations

import csv
import io
from dataclasses import replace

import psycopg
import pytest
from sqlalchemy import text

from shared import clock, db
from shared.actor import SYSTEM
from shared.matching import run
from shared.rails.alerts import raise_alert
from shared.rails.snapshot import DisputeSeen, FactKind, PayoutSeen
from tests.make.office import office, signed_in
from tests.make.paying import Rails, line

pytestmark = pytest.mark.usefixtures("database")


@pytest.fixture
def books(database):
    return Rails()


@pytest.fixture
def client(database):
    return signed_in(office())


def scalar(sql, **params):
    with db.reading(SYSTEM) as session:
        return session.scalar(text(sql), params)


def payout(books, *, state="paid", label="=HYPERLINK(1)"):
    payment = books.collected("1", 10_000)
    other = replace(line("txn_3", "payment", "500", "10", label=label), payment_ref="pi_elsewhere")
    seen = PayoutSeen(
        "po_1", state, 10_189, "EUR", clock.today(), "VERNAISON-A1B2", complete=True,
        lines=(line("txn_1", "payment", "10000", "200.5", payment), other, line("txn_4", "fee", "-100.5")),
    )  # fmt: skip
    return payment, books.payout(seen)


@pytest.mark.parametrize(
    ("language", "words"),
    [
        ("en", ["Money received", "Receipt", "Can be refunded", "What it pays", "F-1", "51151"]),
        ("fr", ["Argent reçu", "Encaissement", "Remboursable", "Ce qu’il règle", "F-1", "51151"]),
    ],
)
def test_payment_tells_its_life_in_the_readers_language(books, client, language, words):
    payment = books.collected("1", 10_000)
    page = client.get(f"/payments/{payment}?lang={language}").text
    assert [word for word in words if word not in page] == []


@pytest.mark.parametrize(
    "query", ["q=F-1", "q=Client+C-1", "tab=paid", "method=card&provider=stripe", "q=PAY-0"]
)
def test_list_is_found_by_its_filters(books, client, query):
    books.collected("1", 10_000)
    assert "PAY-" in client.get(f"/payments?{query}").text
    assert "PAY-0" not in client.get("/payments?tab=back").text
    assert "PAY-0" not in client.get("/payments?last=2020-01-01").text


def test_refund_needs_two_people(books, client):
    payment = books.collected("1", 10_000)
    asked = {"amount": "40,00", "reason": "goods sent back"}
    assert client.post(f"/payments/{payment}/refunds", data=asked).status_code == 303
    refund = scalar("SELECT id FROM refund")
    page = client.get(f"/payments/{payment}").text
    assert "goods sent back" in page and f"/refunds/{refund}/approve" not in page
    assert client.post(f"/payments/{payment}/refunds/{refund}/approve").status_code == 422
    with (
        psycopg.connect(db.conninfo(db.BACKOFFICE_ROLE)) as raw,
        pytest.raises(psycopg.errors.CheckViolation),
    ):
        raw.execute("UPDATE refund SET state = 'approved', decided_by_id = asked_by_id, decided_by = 'x'")
    other = signed_in(office(), "credit_manager", "Paul Petit")
    assert "Refunds to approve" in other.get("/payments/look?lang=en").text
    assert f"/refunds/{refund}/approve" in other.get(f"/payments/{payment}").text
    assert other.post(f"/payments/{payment}/refunds/{refund}/approve").status_code == 303
    assert other.post(f"/payments/{payment}/refunds/{refund}/approve").status_code == 409
    assert scalar("SELECT count(*) FROM payment_operation WHERE kind = 'refund'") == 1


@pytest.mark.parametrize("amount", ["100,01", "0", "abc", ""])
def test_refund_that_cannot_be_is_refused_at_its_field(books, client, amount):
    payment = books.collected("1", 10_000)
    answer = client.post(f"/payments/{payment}/refunds", data={"amount": amount, "reason": "x"})
    assert answer.status_code == 422
    assert 'id="amount-error"' in answer.text
    assert scalar("SELECT count(*) FROM refund") == 0


def test_own_request_can_be_taken_back(books, client):
    payment = books.collected("1", 10_000)
    client.post(f"/payments/{payment}/refunds", data={"amount": "40", "reason": "x"})
    refund = scalar("SELECT id FROM refund")
    assert client.post(f"/payments/{payment}/refunds/{refund}/refuse").status_code == 303
    assert scalar("SELECT state FROM refund") == "refused"


def test_dispute_is_shown_with_its_deadline_and_where_to_answer(books, client):
    payment = books.collected("1", 10_000)
    now = clock.now()
    books.show(payment, disputes=(DisputeSeen("dp_1", "to_answer", "fraudulent", 10_000, "EUR", now, now),))
    page = client.get(f"/payments/{payment}?lang=en").text
    assert "Answer by" in page and "https://dashboard.stripe.com/test/payments/pi_" in page
    assert "answer at Stripe in time" in client.get("/payments/look?lang=en").text.replace("stripe", "Stripe")


def test_alert_is_told_in_french_and_leaves_when_looked_at(books, client):
    payment = books.collected("1", 10_000)
    with db.writing(SYSTEM) as session:
        raise_alert(
            session, "impossible_move", account_id=books.provider_account, payment_id=payment, about="x",
            provider="stripe", old="received", new="failed",
        )  # fmt: skip
    page = client.get("/payments/look?lang=fr").text
    assert "Stripe dit « Échec » d’un paiement qui est ici « Reçu »" in page.replace("\u00a0", " ")
    alert = scalar("SELECT id FROM payment_alert")
    assert client.post(f"/payments/look/{alert}").status_code == 303
    assert scalar("SELECT resolved_by FROM payment_alert") == "Nadia Benali"
    assert client.post(f"/payments/look/{alert}").status_code == 404


def test_payout_shows_what_it_is_made_of_and_its_bank_line(books, client):
    _, payout_id = payout(books)
    page = client.get(f"/payments/payouts/{payout_id}?lang=en").text
    for shown in ("Remainder: not of our payments", "2.005", "101.89", "Not seen on a bank statement yet"):
        assert shown in page
    twin = books.bank_line(10_189, "VIREMENT")
    assert str(twin) in client.get(f"/payments/payouts/{payout_id}").text
    assert client.post(f"/payments/payouts/{payout_id}/lines/{twin}").status_code == 303
    assert client.post(f"/payments/payouts/{payout_id}/lines/{twin}").status_code == 409
    assert "Arrived" in client.get("/payments/payouts?lang=en").text
    assert "VIREMENT" in client.get(f"/payments/payouts/{payout_id}").text


def test_match_of_a_payout_is_shown_and_undone_like_any_other(books, client):
    _, payout_id = payout(books)
    bank_line = books.bank_line(10_189, "VERNAISON A1B2")
    list(run.run(SYSTEM))
    match = scalar("SELECT id FROM match WHERE bank_line_id = :id", id=bank_line)
    assert "It is payout po_1 of Stripe." in client.get(f"/matching/matches/{match}?lang=en").text
    assert client.post(f"/matching/matches/{match}/undo", data={"reason": "no"}).status_code == 303
    assert scalar("SELECT outstanding_minor FROM payout WHERE id = :id", id=payout_id) == 10_189


def test_files_hold_every_line_exactly_and_no_formula(books, client):
    payment, payout_id = payout(books)
    rows = list(csv.DictReader(io.StringIO(client.get(f"/payments/payouts/{payout_id}.csv").text)))
    assert [row["net"] for row in rows] == ["97.995", "4.90", "-1.005"]
    assert rows[1]["label"] == "'=HYPERLINK(1)"
    found = client.get(f"/payments/payouts/{payout_id}.json").json
    assert [row["line"] for row in found] == ["txn_1", "txn_3", "txn_4"]
    assert found[0]["payment"] == scalar("SELECT reference FROM payment WHERE id = :id", id=payment)


def test_clearing_account_is_explained_to_the_cent(books, client):
    payout(books)
    books.collected("2", 5_000)
    page = client.get("/payments/clearing?lang=en").text
    for shown in ("151.89", "101.89", "50.00", "-3.11", "5.00"):
        assert shown in page.replace("−", "-"), shown
    assert "another balance" not in page


def test_accounts_show_no_key_and_switch_rails_by_country(books):
    client = signed_in(office(), "administrator")
    address = f"/payments/accounts/{books.provider_account}"
    page = client.get(f"{address}?lang=en").text
    assert f"/webhooks/stripe/{books.provider_account}" in page and "payout.*" in page
    assert "sk_test_1" not in page and "whsec_1" not in page
    answer = client.post(f"{address}/rails/card", data={"enabled": "yes", "countries": "fr, be"})
    assert answer.status_code == 303
    assert scalar("SELECT countries FROM rail WHERE method = 'card'") == ["BE", "FR"]
    assert client.post(f"{address}/rails/card", data={"countries": "France"}).status_code == 422
    assert client.post(f"{address}/rails/cash", data={}).status_code == 404
    assert client.post(f"{address}/secret", data={"secret": "whsec_fresh"}).status_code == 303
    assert scalar("SELECT previous_webhook_secret IS NOT NULL FROM provider_account")
    assert client.get("/payments/accounts").status_code == 200


@pytest.mark.parametrize("role", ["sales", "collector", "board"])
def test_who_may_not_see_payments_sees_neither_page_nor_entry(books, role):
    client = signed_in(office(), role)
    assert client.get("/payments").status_code == 403
    assert 'href="/payments"' not in client.get("/").text


def test_refunded_payment_shows_what_opened_again(books, client):
    payment = books.collected("1", 10_000)
    books.tell(payment, FactKind.REFUNDED, "re_1", 4_000)
    page = client.get(f"/payments/{payment}?lang=en").text
    assert "Refunded in part" in page and "Refunded to the payer" in page
