"""The way to a payment: nothing is announced twice, nothing negative, nothing that was not shown."""

import re
from concurrent.futures import ThreadPoolExecutor

import pytest
from lxml import etree
from sqlalchemy import text

from shared import db
from shared.actor import SYSTEM
from shared.payments import announcing
from tests.make.account import in_days, many_items
from tests.make.books import FACTOR_IBAN, OWN_IBAN, SECOND_IBAN


def ask(query, **given):
    with db.reading(SYSTEM) as session:
        return session.execute(text(query), given).all()


def waiting():
    return ask(
        "SELECT payee_name, amount_minor, reference FROM expected_payment"
        " WHERE cancelled_at IS NULL AND received_at IS NULL ORDER BY amount_minor"
    )


def choose(account, *names, how="these", day=1, **amounts):
    data = {"how": how, "item": [str(account.items[n]) for n in names], "day": str(in_days(day))}
    return data | {f"amount-{account.items[n]}": typed for n, typed in amounts.items()}


def check(client, data):
    """The second step, and the form as a browser would send it on: with the baskets it showed."""
    answer = client.post("/pay/check", data=data)
    seen = re.findall(r'name="seen" value="([0-9a-f]{64})"', answer.text)
    return answer, data | {"seen": seen}


def confirm(client, data):
    _, shown = check(client, data)
    return client.post("/pay/confirm", data=shown)


def test_everything_is_paid_in_one_transfer_per_payee(account, client):
    answer, shown = check(client, choose(account, how="all"))
    assert "3 transfers" in answer.text and len(shown["seen"]) == 3
    assert "F2026-000106" not in answer.text, "nobody confirmed where this one goes"
    done = client.post("/pay/confirm", data=shown)
    assert done.status_code == 303
    page = client.get(done.headers["Location"]).text
    goods = 120_000 + 50_000 + 45_050 + 250_000 + 70_000
    assert [(p.payee_name, p.amount_minor) for p in waiting()] == [
        ("Vernaison Services SARL", 36_000),
        ("Facto Nord SA", 90_000),
        ("Ateliers Vernaison SAS", goods),
    ]
    for told in (OWN_IBAN, SECOND_IBAN, FACTOR_IBAN, *(p.reference for p in waiting())):
        assert f'data-copy="{told}"' in page
    assert page.count('class="qr"') == 3
    assert "only a payment to Facto Nord SA settles them" in page
    assert "Please do not pay them a second time" in page


def test_only_what_is_past_its_due_date(account, client):
    assert confirm(client, choose(account, how="overdue")).status_code == 303
    assert [p.amount_minor for p in waiting()] == [36_000, 170_000]


def test_a_part_of_an_invoice_and_a_part_of_a_credit(account, client):
    data = choose(account, "late", "credit", late="1 000,50", credit="150.50")
    assert confirm(client, data).status_code == 303
    assert [p.amount_minor for p in waiting()] == [85_000]
    again = client.get("/pay").text
    assert "F2026-000101" in again and "199.50" in again, "the rest can be paid later"


def test_unticking_what_is_shown_leaves_it_out(account, client):
    ids = {n: str(account.items[n]) for n in ("late", "part", "service")}
    data = choose(account, "part", how="overdue") | {"shown": list(ids.values())}
    assert confirm(client, data).status_code == 303
    assert [p.amount_minor for p in waiting()] == [50_000]


@pytest.mark.parametrize("typed", ["-5", "1200.01", "12,3,4", "many", "1e3", "999999999999999999"])
def test_an_amount_that_cannot_be_is_told_at_its_invoice_and_announces_nothing(account, client, typed):
    answer, shown = check(client, choose(account, "late", late=typed))
    assert answer.status_code == 422 and f'id="wrong-{account.items["late"]}"' in answer.text
    assert shown["seen"] == []
    assert client.post("/pay/confirm", data=shown).status_code == 422
    assert waiting() == []


@pytest.mark.parametrize(
    "chosen,amounts,told",
    [
        (("late", "credit"), {"late": "100"}, "The credits you chose cover the invoices"),
        (("late",), {"late": "0"}, "Choose at least one invoice"),
        (("credit",), {}, "Choose at least one invoice"),
        (("doubtful",), {}, "we are confirming the account"),
    ],
)
def test_what_makes_no_transfer_is_refused_in_a_sentence(account, client, chosen, amounts, told):
    assert told in client.post("/pay/check", data=choose(account, *chosen, **amounts)).text
    assert confirm(client, choose(account, *chosen, **amounts)).status_code == 422
    assert waiting() == []


def test_the_form_sent_twice_announces_once_and_leads_to_the_same_page(account, client):
    for data in (choose(account, "late", "service"), choose(account, how="all")):
        _, shown = check(client, data)
        first, second = (client.post("/pay/confirm", data=shown) for _ in range(2))
        assert first.status_code == second.status_code == 303
        assert first.headers["Location"] == second.headers["Location"]
    assert len({p.reference for p in waiting()}) == len(waiting()) == 4


def test_two_presses_at_the_same_moment_announce_once(account, client):
    _, shown = check(client, choose(account, how="all"))
    cookies = client.get_cookie("portal-session")

    def press(_):
        own = client.application.test_client()
        own.set_cookie("portal-session", cookies.value)
        return own.post("/pay/confirm", data=shown)

    with ThreadPoolExecutor(4) as pool:
        answers = list(pool.map(press, range(4)))
    assert {a.status_code for a in answers} == {303}
    assert len({a.headers["Location"] for a in answers}) == 1
    assert len(waiting()) == 3


def test_what_was_not_shown_is_not_announced(account, client):
    _, shown = check(client, choose(account, how="all"))
    many_items(account.books, account.paris, 1)
    answer = client.post("/pay/confirm", data=shown)
    assert answer.status_code == 200 and "The amounts are not the ones shown before" in answer.text
    assert waiting() == []
    without_script = choose(account, "late", late="10") | {"seen": shown["seen"]}
    assert (
        "The amounts are not the ones shown before" in client.post("/pay/confirm", data=without_script).text
    )
    assert waiting() == []


def test_somebody_elses_invoice_is_never_part_of_a_basket(account, client):
    answer, shown = check(client, choose(account, "late", "theirs"))
    assert "F2026-000200" not in answer.text
    assert client.post("/pay/confirm", data=shown).status_code == 303
    assert [p.amount_minor for p in waiting()] == [120_000]


@pytest.mark.parametrize("day", [-1, 400])
def test_the_day_lies_ahead(account, client, day):
    answer = confirm(client, choose(account, "late", day=day))
    assert answer.status_code == 422 and "Choose a day from today on" in answer.text
    assert waiting() == []


def test_a_cancelled_announcement_can_be_made_again(account, client):
    first = confirm(client, choose(account, "late"))
    payment = re.search(r"id=([0-9a-f-]{36})", first.headers["Location"])[1]
    assert (
        "Only do this if you have not made the transfer"
        in client.get(f"/payments/transfers/{payment}/cancel").text
    )
    for _ in range(2):
        assert client.post(f"/payments/transfers/{payment}/cancel").status_code == 303
    assert "This announcement was cancelled" in client.get(f"/payments/transfers?id={payment}").text
    second = confirm(client, choose(account, "late"))
    assert second.headers["Location"] != first.headers["Location"]
    assert len(waiting()) == 1


def test_an_announcement_whose_money_came_cannot_be_cancelled(account, client):
    first = confirm(client, choose(account, "late"))
    payment = re.search(r"id=([0-9a-f-]{36})", first.headers["Location"])[1]
    with db.writing(SYSTEM) as session:
        session.execute(text("UPDATE expected_payment SET received_at = announced_at"))
    assert client.post(f"/payments/transfers/{payment}/cancel").status_code == 409
    assert "This payment has arrived" in client.get(f"/payments/transfers?id={payment}").text


def test_the_payment_file_holds_every_transfer(account, client):
    done = confirm(client, choose(account, how="all"))
    ids = re.findall(r"id=([0-9a-f-]{36})", done.headers["Location"])
    data = {"id": ids, "name": "Société Élan", "iban": "fr76 3000 6000 0112 3456 7890 189"}
    answer = client.post("/payments/transfers/file", data=data)
    assert answer.headers["Content-Disposition"].startswith("attachment")
    root = etree.fromstring(answer.data)
    space = {"p": "urn:iso:std:iso:20022:tech:xsd:pain.001.001.09"}

    def all_of(path):
        return [e.text for e in root.iterfind(f".//p:{path}", space)]

    assert set(all_of("EndToEndId")) == set(all_of("Ref")) == {p.reference for p in waiting()}
    assert sorted(all_of("InstdAmt")) == sorted(f"{p.amount_minor / 100:.2f}" for p in waiting())
    assert all_of("DbtrAcct/p:Id/p:IBAN") == ["FR7630006000011234567890189"]


@pytest.mark.parametrize("iban,name", [("FR7612", "X"), ("", "X"), ("FR7630006000011234567890189", "")])
def test_a_wrong_account_makes_no_file(account, client, iban, name):
    done = confirm(client, choose(account, "late"))
    ids = re.findall(r"id=([0-9a-f-]{36})", done.headers["Location"])
    answer = client.post("/payments/transfers/file", data={"id": ids, "name": name, "iban": iban})
    assert answer.status_code == 422 and 'aria-invalid="true"' in answer.text


def test_five_thousand_invoices_are_paid_at_once(account, client):
    many_items(account.books, account.lyon, 5000)
    answer, shown = check(client, choose(account, how="all"))
    assert "paid in full" in answer.text and len(answer.data) < 200_000
    done = client.post("/pay/confirm", data=shown)
    assert done.status_code == 303
    assert ask("SELECT count(*) FROM expected_payment_item")[0][0] == 5000 + 7
    page = client.get(done.headers["Location"])
    assert "What it pays: 5005 documents" in page.text and len(page.data) < 200_000


def test_who_may_not_announce_is_refused(account, monkeypatch):
    with pytest.raises(announcing.NotFound), db.writing(account.actor) as session:
        announcing.cancel(session, account.actor, account.items["late"])


def test_htmx_gets_the_summary_alone(account, client):
    answer = client.post("/pay/check", data=choose(account, "late"), headers={"HX-Request": "true"})
    assert answer.text.lstrip().startswith('<section id="summary"') and "<html" not in answer.text
    for address in ("/pay/check", "/pay/check?item=not-an-id", f"/pay/check?item={account.items['theirs']}"):
        nothing = client.get(address, follow_redirects=True)
        assert "Choose at least one invoice to pay." in nothing.text
    assert client.get("/pay/confirm").headers["Location"] == "/pay"
    assert "F2026-000101" in client.get(f"/pay/check?item={account.items['late']}").text
