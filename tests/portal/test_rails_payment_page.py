"""The page that follows one payment: one address, every state in plain words, nothing believed that a browser says."""

import re
from datetime import date

import pytest
from sqlalchemy import text

from shared import db
from shared.actor import SYSTEM
from shared.rails.snapshot import Decline, FactKind, Phase, Step
from tests.make.attempts import CARD, form_told, received, told, unclear
from tests.make.rails import an_account
from tests.portal.conftest import counted
from tests.portal.test_pages import BUDGET
from tests.portal.test_rails_pay import FORM, ask, chosen, payment_of, start

PAGE = Step("redirect", {"url": "https://checkout.stripe.com/c/pay/cs_1"})
BANK = Step(
    "bank_details",
    {
        "iban": "DE89370400440532013000",
        "bic": "COBADEFFXXX",
        "holder": "Stripe Technology Europe Ltd",
        "reference": "ABC123",
        "amount_remaining": 70_000,
        "currency": "EUR",
    },
)


@pytest.fixture
def stripe(account):
    return an_account(account.books)


@pytest.fixture
def begin(account, client, stripe):
    """Starts to pay 1,200.00 and gives the payment's id."""
    return lambda method="card", **more: payment_of(
        start(client, stripe, chosen(account, "late"), method=method, **more)
    )


def address(payment_id, what=""):
    return f"/pay/payments/{payment_id}{what}"


def live(client, payment_id, seen="", tries=0):
    query = {"seen": seen, "tries": tries}
    return client.get(address(payment_id, "/live"), query_string=query, headers={"HX-Request": "true"})


def seen_in(page):
    return re.search(r"seen=([^&\"]+)", page)[1]


STATES = {
    "processing": (
        lambda p: told(p, Phase.PROCESSING, expected_on=date(2026, 12, 3)),
        ["In progress: please do not pay again", "3 December 2026"],
    ),
    "unknown": (unclear, ["We do not know yet whether it was taken: please do not pay again"]),
    "received": (received, ["Received. Thank you!", "See the receipt"]),
    "failed": (
        lambda p: told(p, Phase.FAILED, decline=Decline("insufficient_funds")),
        ["there is not enough money on the account", "Nothing was taken", "Try again", "Pay another way"],
    ),
    "cancelled": (lambda p: told(p, Phase.CANCELLED), ["This payment was cancelled", "Try again"]),
    "expired": (lambda p: told(p, Phase.EXPIRED), ["The time for this payment is over", "Try again"]),
    "refunded": (lambda p: received(p, (FactKind.REFUNDED, 120_000)), ["Refunded", "€1,200.00 went back"]),
    "partly_refunded": (
        lambda p: received(p, (FactKind.REFUNDED, 20_000)),
        ["partly refunded", "€200.00 of this payment went back to you"],
    ),
    "returned": (
        lambda p: received(p, (FactKind.RETURNED, 120_000)),
        ["Your bank returned this payment", "Pay another way"],
    ),
    "charged_back": (
        lambda p: received(p, (FactKind.CHARGED_BACK, 120_000)),
        ["Your bank took this payment back", "Pay another way"],
    ),
}


@pytest.mark.parametrize("state", STATES)
def test_each_state_is_said_in_plain_words_within_the_budget(account, client, begin, state):
    payment_id = begin()
    happen, words = STATES[state]
    happen(payment_id)
    for language in ("fr", "en"):
        with counted() as sent:
            page = client.get(address(payment_id), headers={"Accept-Language": language})
        assert page.status_code == 200 and len(sent) <= BUDGET
    for said in words:
        assert said in page.text, said
    assert page.text.count("button-primary") <= 1
    assert ("hx-get" in page.text) == (state in ("processing", "unknown")), "asked again only while it lives"
    assert client.get("/payments").status_code == client.get("/").status_code == 200


def test_it_connects_and_then_shows_the_form_of_the_card(client, begin):
    payment_id = begin()
    page = client.get(address(payment_id)).text
    assert "Connecting to the payment provider" in page and "data-card-form" not in page
    assert 'http-equiv="refresh" content="3"' in page, "without script the page comes again by itself"
    told(payment_id, Phase.AWAITING_PAYER, step=FORM)
    part = live(client, payment_id, seen_in(page))
    assert 'data-secret="pi_1_secret_2"' in part.text and 'data-key="pk_test_shown"' in part.text
    assert 'hx-swap-oob="true"' in part.text and "<html" not in part.text
    assert "needs JavaScript" in part.text
    assert "data-card-form" not in live(client, payment_id, seen_in(part.text)).text
    # A refusal while somebody corrects a digit must not take the form away: it tells refusals itself.
    told(payment_id, Phase.AWAITING_PAYER, step=FORM, decline=Decline("declined"))
    assert "data-card-form" not in live(client, payment_id, seen_in(part.text)).text
    assert "Your bank declined the payment" in client.get(address(payment_id)).text


def test_an_unchanged_state_is_asked_for_ever_more_rarely_and_not_sent_again(client, begin):
    payment_id = begin()
    told(payment_id, Phase.PROCESSING)
    seen = seen_in(client.get(address(payment_id)).text)
    answers = [live(client, payment_id, seen, tries) for tries in (0, 30, 60, 500)]
    assert [re.search(r"delay:(\d+)s", a.text)[1] for a in answers] == ["1", "5", "15", "60"]
    assert all('id="attempt"' not in a.text and len(a.data) < 1000 for a in answers)
    received(payment_id)
    done = live(client, payment_id, seen)
    assert "Received. Thank you!" in done.text and "hx-get" not in done.text
    assert live(client, payment_id, "x", "-1e9").status_code == 200


def test_the_browser_that_pressed_goes_to_the_provider_by_itself_and_only_once(account, client, enter, begin):
    payment_id = begin("card_page")
    told(payment_id, Phase.AWAITING_PAYER, step=PAGE)
    assert live(client, payment_id).headers["HX-Redirect"] == PAGE.data["url"]
    again = client.get(address(payment_id))
    assert again.status_code == 200 and f'href="{PAGE.data["url"]}"' in again.text
    colleague = enter(account.lyon, account.paris, email="max@client.fr")
    assert colleague.get(address(payment_id)).status_code == 200


def test_without_script_a_page_of_the_provider_opens_by_itself_too(client, begin):
    payment_id = begin("card_page")
    told(payment_id, Phase.AWAITING_PAYER, step=PAGE)
    away = client.get(address(payment_id))
    assert (away.status_code, away.headers["Refresh"]) == (200, f"0; url={PAGE.data['url']}")


@pytest.mark.parametrize(
    "url", ["http://evil.example/", "javascript:alert(1)", "//evil.example", "https:", ""]
)
def test_nobody_is_sent_to_an_address_that_is_none_of_a_provider(client, begin, url):
    payment_id = begin("card_page")
    told(payment_id, Phase.AWAITING_PAYER, step=Step("redirect", {"url": url}))
    page = client.get(address(payment_id))
    assert page.status_code == 200 and (not url or url not in page.text)


def test_an_account_for_a_transfer_is_shown_with_all_a_bank_needs(client, begin):
    payment_id = begin("virtual_iban")
    told(payment_id, Phase.AWAITING_PAYER, step=BANK)
    page = client.get(address(payment_id)).text
    for copied in ("DE89370400440532013000", "Stripe Technology Europe Ltd", "ABC123", "COBADEFFXXX"):
        assert f'data-copy="{copied}"' in page
    assert "€500.00 has arrived; €700.00 is still missing." in page
    assert "The account belongs to the payment provider" in page and 'class="qr"' in page


def test_the_way_back_asks_for_a_look_and_believes_nothing(client, begin):
    payment_id = begin()
    told(payment_id, Phase.AWAITING_PAYER, step=FORM)
    lies = "?redirect_status=succeeded&payment_intent=pi_x&payment_intent_client_secret=pi_x_secret"
    page = client.get(address(payment_id, "/back") + lies).text
    assert "One moment: we are asking the provider" in page and "Thank you" not in page
    assert 'hx-trigger="load, submit"' in page and "data-card-form" not in page
    assert ask("SELECT sync_due_at FROM payment")[0][0] > ask("SELECT now()")[0][0], (
        "looking is asked by POST"
    )
    data = {"seen": re.search(r'name="seen" value="([^"]+)"', page)[1]}
    answer = client.post(address(payment_id, "/look"), data=data, headers={"HX-Request": "true"})
    assert answer.headers["HX-Replace-Url"] == address(payment_id), "the secret leaves the address bar"
    assert ask("SELECT sync_due_at FROM payment")[0][0] <= ask("SELECT now()")[0][0]
    assert 'id="attempt"' not in answer.text, "nothing new: the page stands"
    assert "data-card-form" in live(client, payment_id, data["seen"], 10).text, "no news: the form again"
    told(payment_id, Phase.AWAITING_PAYER, step=FORM, decline=Decline("not_authenticated"))
    assert "could not confirm that it is you" in live(client, payment_id, data["seen"]).text
    plain = client.post(address(payment_id, "/look"))
    assert plain.status_code == 303 and plain.headers["Location"] == address(payment_id)


def test_coming_back_to_a_payment_that_is_over_asks_nothing(client, begin):
    payment_id = begin()
    received(payment_id)
    page = client.get(address(payment_id, "/back")).text
    assert "Received. Thank you!" in page and "/look" not in page


def test_cancelled_on_the_page_by_a_command_and_paid_another_way(client, begin):
    payment_id = begin()
    told(payment_id, Phase.AWAITING_PAYER, step=FORM)
    assert "Cancel the payment" in client.get(address(payment_id, "/cancel")).text
    for _ in range(2):
        assert client.post(address(payment_id, "/cancel")).status_code == 303
    assert [o.kind for o in ask("SELECT kind FROM payment_operation ORDER BY created_at")] == [
        "start",
        "cancel",
    ]
    page = client.get(address(payment_id)).text
    assert "Being cancelled" in page and "data-card-form" not in page
    told(payment_id, Phase.CANCELLED)
    other = client.get(f"/pay/how?again={payment_id}")
    assert "F2026-000101" in other.text and "€1,200.00" in other.text


def test_a_retry_is_a_new_attempt_once(account, client, begin):
    payment_id = begin()
    told(payment_id, Phase.FAILED, decline=Decline("expired_card"))
    first, second = (client.post(address(payment_id, "/again")) for _ in range(2))
    assert first.headers["Location"] == second.headers["Location"] != address(payment_id)
    made = payment_of(first)
    assert client.post(address(made, "/again")).status_code == 409, "it is not over"
    received(made)
    answer = client.post(address(payment_id, "/again"))
    assert answer.status_code == 409, "what was paid meanwhile is not paid twice"
    assert len(ask("SELECT id FROM payment")) == 2


def test_somebody_elses_payment_is_not_there(account, enter, client, begin):
    payment_id = begin()
    stranger = enter(account.stranger, email="x@elsewhere.fr")
    for what in ("", "/live", "/back", "/cancel"):
        assert stranger.get(address(payment_id, what)).status_code == 404
    for what in ("/look", "/cancel", "/again"):
        assert stranger.post(address(payment_id, what)).status_code == 404
    assert stranger.get(f"/pay/how?again={payment_id}").status_code == 404
    assert "PAY-" not in stranger.get("/payments").text + stranger.get("/").text


def test_a_payment_through_an_account_that_was_closed_is_still_shown(client, begin):
    payment_id = begin()
    received(payment_id)
    with db.writing(SYSTEM) as session:
        session.execute(text("UPDATE provider_account SET active = false"))
    assert "Received. Thank you!" in client.get(address(payment_id)).text


def test_a_card_is_added_removed_and_its_form_followed(account, client, stripe):
    page = client.get("/pay/on-file").text
    assert "No card is kept" in page
    where = f"{stripe}:{account.lyon}"
    assert client.post("/pay/on-file/cards", data={"where": where}).headers["Location"] == "/pay/on-file"
    assert ask("SELECT id FROM set_up") == [], "not without agreement"
    for foreign in (f"{stripe}:{account.stranger}", "x", f"{account.lyon}:{stripe}"):
        data = {"where": foreign, "agreed": "1"}
        assert client.post("/pay/on-file/cards", data=data).status_code == 404
    made = client.post("/pay/on-file/cards", data={"where": where, "agreed": "1"})
    set_up_id = payment_of(made)
    form_told(set_up_id, "awaiting_payer", step_url=PAGE.data["url"])
    assert client.get(made.headers["Location"]).headers["Refresh"] == f"0; url={PAGE.data['url']}"
    back = client.get(f"/pay/set-ups/{set_up_id}/back").text
    assert "One moment" in back
    assert client.get(f"/pay/set-ups/{set_up_id}/left").status_code == 200
    assert client.post(f"/pay/set-ups/{set_up_id}/look").status_code == 303
    assert ask("SELECT sync_due_at <= now() FROM set_up")[0][0]
    form_told(set_up_id, "done", instrument=CARD)
    assert "The card is kept" in client.get(f"/pay/set-ups/{set_up_id}").text
    live = client.get(f"/pay/set-ups/{set_up_id}/live?seen=x", headers={"HX-Request": "true"}).text
    assert "The card is kept" in live and "hx-get" not in live
    with counted() as sent:
        page = client.get("/pay/on-file").text
    assert "Visa •••• 4242" in page and len(sent) <= BUDGET
    (card,) = ask("SELECT id FROM saved_card")
    assert "Remove this card?" in client.get(f"/pay/on-file/cards/{card.id}/remove").text
    for _ in range(2):
        assert client.post(f"/pay/on-file/cards/{card.id}/remove").status_code == 303
    assert len(ask("SELECT id FROM payment_operation WHERE kind = 'forget'")) == 1
    assert "4242" not in client.get("/pay/on-file").text


def test_somebody_elses_form_is_not_there(account, client, enter, stripe):
    data = {"where": f"{stripe}:{account.lyon}", "agreed": "1"}
    set_up_id = payment_of(client.post("/pay/on-file/cards", data=data))
    stranger = enter(account.stranger, email="x@elsewhere.fr")
    for what in ("", "/live", "/back", "/left"):
        assert stranger.get(f"/pay/set-ups/{set_up_id}{what}").status_code == 404
    assert stranger.post(f"/pay/set-ups/{set_up_id}/look").status_code == 404


def test_what_is_under_way_is_shown_everywhere(account, client, begin):
    payment_id = begin()
    told(payment_id, Phase.AWAITING_PAYER, step=FORM)
    for page in ("/", "/payments", f"/invoices/{account.items['late']}"):
        with counted() as sent:
            answer = client.get(page).text
        assert address(payment_id) in answer, page
        assert len(sent) <= BUDGET
    told(payment_id, Phase.PROCESSING)
    assert "1,200.00" in client.get("/").text
    assert "€1,200.00" not in client.get(f"/pay/check?item={account.items['late']}").text
    received(payment_id, (FactKind.RETURNED, 120_000))
    listed = client.get("/payments").text
    assert "Returned" in listed
    receipt = re.search(r"/payments/received/[0-9a-f-]{36}", listed)[0]
    assert address(payment_id) in client.get(receipt).text
    invoice = client.get(f"/invoices/{account.items['late']}").text
    assert "this payment was refunded or returned" in invoice and "Pay this invoice" in invoice
    assert "F2026-000101" in client.get("/invoices?state=open").text
