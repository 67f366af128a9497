"""How to pay: each basket once, exactly as shown, and only the ways that are really on offer."""

import re
from concurrent.futures import ThreadPoolExecutor
from uuid import UUID

import pytest
from sqlalchemy import text

from shared import db
from shared.actor import SYSTEM
from shared.rails.snapshot import Method, Phase, Step
from tests.make.account import in_days, many_items
from tests.make.attempts import CARD, received, told
from tests.make.rails import an_account
from tests.portal.conftest import counted
from tests.portal.test_pages import BUDGET

FORM = Step("client_secret", {"client_secret": "pi_1_secret_2"})


def ask(query, **given):
    with db.reading(SYSTEM) as session:
        return session.execute(text(query), given).all()


@pytest.fixture
def stripe(account) -> UUID:
    return an_account(account.books)


def chosen(account, *names, **amounts):
    data = {"how": "these", "item": [str(account.items[n]) for n in names]}
    return data | {f"amount-{account.items[n]}": typed for n, typed in amounts.items()}


def checked(client, data):
    page = client.post("/pay/check", data=data)
    return data | {"seen": re.findall(r'name="seen" value="([0-9a-f]{64})"', page.text)}


def how(client, data):
    page = client.post("/pay/how", data=checked(client, data))
    return page, re.findall(r'name="basket" value="([0-9a-f]{64})"', page.text)


def start(client, account_id, data, basket=None, method="card", **more):
    basket = basket or how(client, data)[1][0]
    way = f"{account_id}:{method}"
    return client.post("/pay/start", data=data | {"basket": basket, "way": way} | more)


def payment_of(answer) -> UUID:
    assert answer.status_code == 303, answer.text
    return UUID(answer.headers["Location"].rsplit("/", 1)[1])


def payments():
    return ask("SELECT id, method, amount_minor, status, save_instrument FROM payment ORDER BY started_at")


def test_every_way_on_offer_is_said_in_plain_words(account, client, stripe):
    check = client.get(f"/pay/check?item={account.items['late']}").text
    assert "Choose how to pay" in check and 'name="day"' not in check
    page, baskets = how(client, chosen(account, "late"))
    assert len(baskets) == 1
    for words in (
        "By transfer from your bank",
        "By card",
        "By card, on the provider’s page",
        "By transfer to an account of this payment’s own",
        "By SEPA direct debit",
        "Keep this card for later payments",
        "Sandbox: no real money moves.",
        "No way of paying costs you a fee here.",
    ):
        assert words in page.text, words
    assert "From your bank, at once" not in page.text, "switched off by default"
    assert page.text.count("button-primary") == 1


def test_without_another_way_the_transfer_is_announced_at_once(account, client):
    page = client.get(f"/pay/check?item={account.items['late']}").text
    assert "Confirm this transfer" in page and 'action="/pay/confirm"' in page and 'name="day"' in page


def test_a_factor_is_paid_by_transfer_only_and_the_page_says_why(account, client, stripe):
    page, baskets = how(client, chosen(account, "factored"))
    assert page.text.count('name="way"') == 1 and 'value="transfer"' in page.text
    assert "only a transfer to Facto Nord SA settles them" in page.text
    answer = start(client, stripe, chosen(account, "factored"), baskets[0])
    assert answer.status_code == 422 and "not available for these invoices" in answer.text
    assert payments() == []


def test_a_card_payment_is_an_intent_and_a_command_and_nothing_is_asked_of_the_provider(
    account, client, stripe
):
    payment_id = payment_of(start(client, stripe, chosen(account, "late", late="1 000,50"), save="1"))
    assert [(p.amount_minor, p.method, p.status, p.save_instrument) for p in payments()] == [
        (100_050, "card", "created", True)
    ]
    (command,) = ask("SELECT kind, state, payment_id, request FROM payment_operation")
    assert (command.kind, command.state, command.payment_id) == ("start", "pending", payment_id)
    assert command.request["description"] == "F2026-000101"


def test_only_a_card_that_is_entered_is_kept(account, client, stripe):
    payment_of(start(client, stripe, chosen(account, "late"), method="card_page", save="1"))
    assert payments()[0].save_instrument is False


def test_the_form_sent_again_leads_to_the_same_payment(account, client, stripe):
    data = chosen(account, "late", "soon")
    _, (basket,) = how(client, data)
    first, second = (start(client, stripe, data, basket) for _ in range(2))
    assert first.headers["Location"] == second.headers["Location"]
    told(payment_of(first), Phase.PROCESSING)
    third = start(client, stripe, data, basket, method="card_page")
    assert third.headers["Location"] == first.headers["Location"], "even another way, and even later"
    assert len(payments()) == 1


def test_many_presses_at_the_same_moment_start_one_payment(account, client, stripe):
    data = chosen(account, "late")
    _, (basket,) = how(client, data)
    cookie = client.get_cookie("portal-session").value

    def press(_):
        own = client.application.test_client()
        own.set_cookie("portal-session", cookie)
        return start(own, stripe, data, basket)

    with ThreadPoolExecutor(4) as pool:
        answers = list(pool.map(press, range(8)))
    assert len({a.headers["Location"] for a in answers}) == 1
    assert len(payments()) == 1


def test_what_was_not_shown_is_not_paid(account, client, stripe):
    data = chosen(account, "late")
    _, (basket,) = how(client, data)
    for changed in (
        chosen(account, "late", late="10"),
        chosen(account, "late", "soon"),
        chosen(account, "soon"),
    ):
        answer = start(client, stripe, changed, basket)
        assert answer.status_code == 422 and "not the ones shown before" in answer.text
    for basket in ("", "xx", "0" * 64):
        assert client.post("/pay/start", data=data | {"basket": basket, "way": "transfer"}).status_code == 422
    seen = checked(client, data)["seen"]
    page = client.post("/pay/how", data=chosen(account, "late", "soon") | {"seen": seen})
    assert page.status_code == 422 and "not the ones shown before" in page.text
    assert payments() == []


@pytest.mark.parametrize("way", ["", "x", "transfer:x", "00000000-0000-0000-0000-000000000000:card"])
def test_a_way_that_is_not_on_offer_starts_nothing(account, client, stripe, way):
    data = chosen(account, "late")
    _, (basket,) = how(client, data)
    assert client.post("/pay/start", data=data | {"basket": basket, "way": way}).status_code == 422
    assert payments() == [] and ask("SELECT id FROM expected_payment") == []


def test_several_baskets_are_paid_one_after_the_other(account, client, stripe):
    data = chosen(account, "late", "service", "factored", late="500")
    page, baskets = how(client, data)
    assert len(baskets) == 3 and "3 payments, one after the other" in page.text
    assert page.text.count("button-primary") == 1
    assert "Or all of them by transfer" in page.text
    assert [start(client, stripe, data, b).status_code for b in baskets].count(303) == 1, (
        "the others have no card"
    )
    (payment,) = payments()
    received(payment.id)
    after = client.get(f"/pay/payments/{payment.id}").text
    link = re.search(r'href="(/pay/how\?[^"]+)"', after)
    assert "Next: pay the other 2 documents" in after and link
    rest = client.get(link[1].replace("&amp;", "&"))
    assert "S-2026-14" in rest.text and "F2026-000105" in rest.text and "F2026-000101" not in rest.text


def test_the_transfer_is_announced_for_one_basket_and_twice_is_once(account, client, stripe):
    data = chosen(account, "late", "service")
    _, baskets = how(client, data)
    form = data | {"basket": baskets[0], "way": "transfer", "day": str(in_days(2))}
    answers = [client.post("/pay/start", data=form) for _ in range(2)]
    assert {a.headers["Location"] for a in answers} == {answers[0].headers["Location"]}
    assert answers[0].headers["Location"].startswith("/payments/transfers?id=")
    assert len(ask("SELECT id FROM expected_payment")) == 1
    wrong = client.post("/pay/start", data=form | {"basket": baskets[1], "day": str(in_days(-3))})
    assert wrong.status_code == 422 and "Choose a day from today on" in wrong.text


def test_what_is_under_way_comes_first(account, client, stripe):
    payment_id = payment_of(start(client, stripe, chosen(account, "late")))
    told(payment_id, Phase.AWAITING_PAYER, step=FORM)
    page, baskets = how(client, chosen(account, "late", "soon"))
    assert baskets == [] and "A payment of these is under way" in page.text
    assert f"/pay/payments/{payment_id}" in page.text
    data = chosen(account, "late", "soon") | {"way": f"{stripe}:card_page"}
    both = checked(client, data)
    assert client.post("/pay/start", data=both | {"basket": both["seen"][0]}).status_code == 422
    assert len(payments()) == 1


def test_a_saved_card_is_offered_to_its_company_alone(account, client, enter, stripe):
    payment_id = payment_of(start(client, stripe, chosen(account, "late"), save="1"))
    received(payment_id, instrument=CARD)
    (card,) = ask("SELECT id, customer_id FROM saved_card")
    page, (basket,) = how(client, chosen(account, "soon"))
    assert "Visa •••• 4242" in page.text
    answer = start(client, stripe, chosen(account, "soon"), basket, method=f"card:{card.id}")
    assert ask("SELECT saved_card_id FROM payment WHERE id = :id", id=payment_of(answer))[0][0] == card.id
    assert "4242" not in how(client, chosen(account, "paris"))[0].text, "the card is the other company's"
    stranger = enter(account.stranger, email="x@elsewhere.fr")
    theirs = chosen(account, "theirs")
    page, (basket,) = how(stranger, theirs)
    assert "4242" not in page.text
    assert start(stranger, stripe, theirs, basket, method=f"card:{card.id}").status_code == 422
    assert stranger.get("/pay/on-file").text.count("4242") == 0
    assert stranger.post(f"/pay/on-file/cards/{card.id}/remove").status_code == 404


def test_rails_of_another_creditor_are_not_offered(account, client, stripe):
    page, baskets = how(client, chosen(account, "service"))
    assert page.text.count('name="way"') == 1
    assert start(client, stripe, chosen(account, "service"), baskets[0]).status_code == 422


def test_payers_of_other_countries_see_what_is_for_them(account, client):
    account_id = an_account(account.books, methods=[Method.CARD, Method.VIRTUAL_IBAN])
    with db.writing(SYSTEM) as session:
        session.execute(
            text("UPDATE rail SET countries = '{DE}' WHERE method = 'virtual_iban' AND account_id = :id"),
            {"id": account_id},
        )
    assert "of this payment’s own" not in how(client, chosen(account, "late"))[0].text


def test_five_thousand_invoices_and_the_budget(account, client, stripe):
    many_items(account.books, account.lyon, 5000)
    data = checked(client, {"how": "all"})
    with counted() as sent:
        page = client.post("/pay/how", data=data)
    assert page.status_code == 200 and len(sent) <= BUDGET and len(page.data) < 150_000
    with counted() as sent:
        client.get("/pay/check?how=all")
    assert len(sent) <= BUDGET, sent


def test_the_bare_addresses_lead_back(client, account, stripe):
    assert client.get("/pay/start").headers["Location"] == "/pay"
    assert client.get("/pay/how").headers["Location"] == "/pay"
    assert client.get("/pay/how?again=x").status_code == 404
    assert client.get(f"/pay/how?item={account.items['late']}").status_code == 200
