"""Each page of the portal: what it shows, whose it is, and what it costs."""

import re
from itertools import product

import pytest

from shared import db
from shared.ids import new_id
from shared.payments.announcing import announce
from shared.payments.rules import Choice
from tests.make.account import PDF, in_days, many_items
from tests.portal.conftest import counted

# Three of these recognise the session, each transaction enters its scope with one.
BUDGET = 15


def announced(account, *names):
    with db.writing(account.actor) as session:
        return announce(session, account.actor, [Choice(account.items[n]) for n in names], in_days(1))


def pages(account, payment):
    return [
        "/",
        "/invoices",
        *(f"/invoices?state={state}" for state in ("overdue", "credits", "paid", "all")),
        f"/invoices/{account.items['late']}",
        f"/invoices/{account.items['credit']}",
        f"/invoices/{account.items['factored']}",
        "/pay",
        "/pay/check?how=all",
        "/payments",
        f"/payments/received/{account.receipts['whole']}",
        f"/payments/received/{account.receipts['mistake']}",
        f"/payments/transfers?id={payment.id}",
        f"/payments/transfers/{payment.id}/cancel",
        "/statement",
        "/statement?since=2020-01-01",
    ]


def test_every_page_opens_within_its_budget(account, client):
    (payment,) = announced(account, "soon")
    for page, language in product(pages(account, payment), ("en", "fr")):
        with counted() as sent:
            answer = client.get(page, headers={"Accept-Language": language})
        assert answer.status_code == 200, page
        assert len(sent) <= BUDGET, (page, len(sent), sent)


def test_the_budget_holds_with_five_thousand_open_items_and_pages_stay_short(account, client):
    many_items(account.books, account.lyon, 5000)
    (payment,) = announced(account, "soon")
    for page in pages(account, payment):
        with counted() as sent:
            answer = client.get(page)
        assert answer.status_code == 200
        assert len(sent) <= BUDGET, (page, len(sent))
        assert answer.text.count("<tr") < 110, page
        assert len(answer.data) < 200_000, (page, len(answer.data))
    with counted() as sent:
        answer = client.get("/pay/check?how=all")
    assert answer.status_code == 200 and len(sent) <= BUDGET and len(answer.data) < 200_000


def test_what_is_somebody_elses_is_not_there(account, enter):
    stranger = enter(account.stranger, email="x@elsewhere.fr")
    (payment,) = announced(account, "soon")
    document = account.document("mine.pdf")
    for page in (
        f"/invoices/{account.items['late']}",
        f"/payments/received/{account.receipts['whole']}",
        f"/payments/transfers?id={payment.id}",
        f"/payments/transfers/{payment.id}/cancel",
        f"/documents/{document}",
        f"/documents/{document}?download=1",
    ):
        assert stranger.get(page).status_code == 404, page
        assert stranger.get(page.replace(str(payment.id), str(new_id()))).status_code == 404
    assert stranger.post(f"/payments/transfers/{payment.id}/cancel").status_code == 404
    data = {"id": str(payment.id), "name": "X", "iban": "FR7630006000011234567890189"}
    assert stranger.post("/payments/transfers/file", data=data).status_code == 404
    for page in ("/invoices?state=all", f"/invoices?company={account.lyon}", "/", "/pay", "/payments"):
        text = stranger.get(page).text
        assert "F2026-0001" not in text and "S-2026" not in text, page
    for form in ("csv", "xlsx", "pdf"):
        answer = stranger.get(f"/statement/file.{form}?since=2020-01-01&company={account.lyon}")
        assert answer.status_code == 200
        assert b"F2026-0001" not in answer.data
    chosen = {"how": "these", "item": str(account.items["late"])}
    assert "F2026-000101" not in stranger.post("/pay/check", data=chosen).text
    assert "F2026-000101" not in stranger.get("/pay/check", query_string=chosen, follow_redirects=True).text


def test_nothing_opens_without_signing_in(account, enter):
    nobody = enter.__closure__[0].cell_contents.test_client()
    (payment,) = announced(account, "soon")
    for page in [*pages(account, payment), "/statement/file.csv", f"/documents/{new_id()}"]:
        answer = nobody.get(page)
        assert answer.status_code == 303 and "/sign-in" in answer.headers["Location"], page


def test_the_overview_tells_creditors_and_companies_apart(account, client):
    announced(account, "late")
    text = client.get("/").text
    for told in ("Ateliers Vernaison SAS", "Vernaison Services SARL", "Client C0001", "Client C0002"):
        assert told in text
    assert "no need to pay again" in text
    assert text.count("button-primary") == 1


def test_an_account_with_nothing_open_is_told_so(account, enter):
    calm = enter(account.books.customer("C9"), email="calm@client.fr")
    assert "You are up to date" in calm.get("/").text
    assert "You are up to date" in calm.get("/pay").text
    assert "No payment received yet" in calm.get("/payments").text
    assert "Nothing to pay here" in calm.get("/invoices").text
    assert "Nothing in this period" in calm.get("/statement").text


def test_the_list_is_filtered_and_htmx_gets_the_list_alone(account, client):
    text = client.get("/invoices?state=all&q=000103").text
    assert "F2026-000103" in text and "F2026-000104" not in text
    part = client.get("/invoices?q=000103", headers={"HX-Request": "true"}).text
    assert part.lstrip().startswith('<form id="invoices"') and "<html" not in part
    assert "Nothing fits" in client.get("/invoices?q=nowhere").text
    assert "S-2026-14" not in client.get(f"/invoices?company={account.paris}").text
    assert client.get("/invoices?page=99&creditor=x&company=y&state=z").status_code == 200


def test_one_invoice_tells_vat_payee_and_history(account, client):
    late = client.get(f"/invoices/{account.items['late']}").text
    assert "PO-7781" in late and "FR76 1010 7375" in late and "20 %" in late
    assert "taken back: it was booked here by mistake" in late
    factored = client.get(f"/invoices/{account.items['factored']}").text
    assert "only a payment to Facto Nord SA settles it" in factored
    doubtful = client.get(f"/invoices/{account.items['doubtful']}").text
    assert "We are confirming the account" in doubtful
    assert "DE89" not in doubtful and "Unknown Factor" not in doubtful and "Pay this invoice" not in doubtful


def test_documents_are_sent_so_that_no_browser_runs_them(account, client):
    shown = re.search(r"/documents/[0-9a-f-]{36}", client.get(f"/invoices/{account.items['late']}").text)
    assert shown
    answer = client.get(shown[0])
    assert answer.data.startswith(PDF)
    assert answer.content_type == "application/pdf"
    assert answer.headers["Content-Disposition"] == "inline; filename=late.pdf"
    assert answer.headers["X-Content-Type-Options"] == "nosniff"
    assert answer.headers["Content-Security-Policy"] == "default-src 'none'; sandbox"
    assert answer.headers["Cache-Control"] == "no-store"
    assert client.get(f"{shown[0]}?download=1").headers["Content-Disposition"].startswith("attachment")
    page = account.document("evil “é\r\nX: y.html", media_type="text/html")
    answer = client.get(f"/documents/{page}")
    assert answer.content_type == "application/octet-stream"
    assert answer.headers["Content-Disposition"].startswith("attachment")
    assert "X" not in answer.headers


def test_a_payment_taken_back_is_told_calmly(account, client):
    text = client.get(f"/payments/received/{account.receipts['mistake']}").text
    assert "booked on your account by mistake" in text
    assert "Money on account" in client.get(f"/payments/received/{account.receipts['spare']}").text
    listed = client.get("/payments").text
    assert "Corrected" in listed and "F2026-000090" in listed


@pytest.mark.parametrize("form,start", [("csv", b"\xef\xbb\xbf"), ("xlsx", b"PK"), ("pdf", b"%PDF")])
def test_the_statement_is_downloaded_in_each_form(account, client, form, start):
    answer = client.get(f"/statement/file.{form}?since={in_days(-90)}&as_of={in_days(0)}")
    assert answer.data.startswith(start)
    assert answer.headers["Content-Disposition"].startswith("attachment")


@pytest.mark.parametrize(
    "query", ["since=2026-02-31", "since=x", "as_of=1", "since=2026-05-02&as_of=2026-05-01"]
)
def test_a_period_that_is_none_is_told(account, client, query):
    assert client.get(f"/statement?{query}").status_code == 422
    assert client.get(f"/statement/file.csv?{query}").status_code == 404
    assert client.get("/statement/file.exe").status_code == 404
