"""Billing requests in the GoCardless simulator: by the API, and walked as a payer's browser walks the pages."""

import re
from urllib.parse import parse_qs, urlsplit

import pytest
import requests
from gocardless_pro import errors

from tests.make.gocardless import IBAN, world

BACK = "https://portal.example/pay/back?payment=7"
MANDATE = {"mandate_request": {"currency": "EUR", "scheme": "sepa_core"}}
PAYMENT = {"payment_request": {"amount": 4200, "currency": "EUR", "description": "Facture F-7"}}
PERSON = {"company_name": "Dupont SAS", "email": "compta@dupont.example"}
PLACE = {"address_line1": "1 rue X", "postal_code": "69001", "city": "Lyon", "country_code": "FR"}
FORM = {**PERSON, **PLACE, "account_holder_name": "Dupont SAS", "iban": IBAN}


@pytest.fixture
def gc():
    with world() as served:
        yield served


def ask(gc, **params):
    return gc.client.billing_requests.create(params=params)


def start(gc, request, **more):
    links = {"billing_request": request.id}
    told = {"redirect_uri": BACK, "exit_uri": "https://portal.example/left", "links": links, **more}
    return gc.client.billing_request_flows.create(params=told)


def actions(gc, request):
    found = gc.client.billing_requests.get(request.id)
    return {action["type"]: action["status"] for action in found.actions}


class Browser:
    """Opens pages and posts their forms, hidden fields included; stops where the simulator ends."""

    def __init__(self, flow, language="fr"):
        self.session = requests.Session()
        self.session.headers["Accept-Language"] = language
        self.base = flow.authorisation_url.split("/billing")[0]
        self.open(flow.authorisation_url)

    def open(self, url):
        self.took(self.session.get(url, timeout=10, allow_redirects=False))

    def post(self, action, **fields):
        form = re.search(rf'<form method="post" action="([^"]*/{action})">(.*?)</form>', self.page, re.S)
        hidden = dict(re.findall(r'type="hidden" name="(\w+)" value="([^"]*)"', form[2]))
        url = self.base + form[1]
        self.took(self.session.post(url, data={**hidden, **fields}, timeout=10, allow_redirects=False))

    def took(self, answer):
        self.status, self.page, self.left_for = answer.status_code, answer.text, None
        target = answer.headers.get("Location", "")
        if target.startswith(("/", self.base)):
            self.open(self.base + target if target.startswith("/") else target)
        elif target:
            self.left_for = target

    def close(self):
        self.session.close()


@pytest.fixture
def browse():
    opened = []

    def begin(flow, language="fr"):
        opened.append(Browser(flow, language))
        return opened[-1]

    yield begin
    for browser in opened:
        browser.close()


def test_a_payer_signs_a_mandate(gc, browse):
    request = ask(gc, **MANDATE, metadata={"mandate": "m1"})
    browser = browse(start(gc, request))
    assert 'lang="fr"' in browser.page and "Bac à sable" in browser.page and "mandat" in browser.page
    browser.post("details", **{**FORM, "iban": IBAN[:-1] + "0", "city": ""})
    assert browser.status == 422 and 'aria-invalid="true"' in browser.page and "Dupont SAS" in browser.page
    browser.post("details", **FORM)
    assert "89" in browser.page and IBAN not in browser.page
    browser.post("confirm")
    assert browser.left_for.startswith(BACK + "&outcome=success&id=BRF")
    done = gc.client.billing_requests.get(request.id)
    mandate = gc.client.mandates.get(done.links.mandate_request_mandate)
    assert (done.status, mandate.status, mandate.scheme) == ("fulfilled", "pending_submission", "sepa_core")
    assert done.mandate_request.links["mandate"] == mandate.id
    assert gc.actions(billing_request=request.id)[-1] == "fulfilled"
    assert {"flow_created", "flow_visited", "payer_details_confirmed"} <= set(
        gc.actions(billing_request=request.id)
    )
    assert gc.payment(mandate).status == "pending_submission"


def test_a_payer_pays_at_once_in_english(gc, browse):
    request = ask(gc, **PAYMENT)
    browser = browse(start(gc, request), "en")
    assert 'lang="en"' in browser.page and "€42.00" in browser.page and "imitates GoCardless" in browser.page
    browser.post("details", **FORM)
    browser.post("confirm")
    gc.control.settle()
    done = gc.client.billing_requests.get(request.id)
    payment = gc.client.payments.get(done.links.payment_request_payment)
    assert (payment.status, payment.amount, payment.scheme) == (
        "confirmed",
        4200,
        "sepa_instant_credit_transfer",
    )
    assert gc.actions(payment=payment.id) == ["created", "submitted", "confirmed"]
    fulfilled = gc.client.events.list(params={"action": "fulfilled"}).records[0]
    assert fulfilled.links.payment_request_payment == payment.id


def test_pays_now_and_signs_for_later(gc, browse):
    gc.control.settings(instant_seconds=3600)
    request = ask(gc, **PAYMENT, **MANDATE)
    browser = browse(start(gc, request, language="en"))
    assert 'lang="en"' in browser.page
    browser.post("details", **FORM)
    browser.post("confirm")
    links = gc.client.billing_requests.get(request.id).links
    gc.control.settle()
    assert gc.client.payments.get(links.payment_request_payment).status == "submitted"
    gc.control.advance(hours=1)
    assert gc.client.payments.get(links.payment_request_payment).status == "confirmed"
    assert gc.client.mandates.get(links.mandate_request_mandate).id


def test_a_payer_refuses_at_his_bank_leaves_or_comes_too_late(gc, browse):
    request = ask(gc, **PAYMENT)
    flow = start(gc, request)
    browser = browse(flow)
    browser.post("exit")
    assert browser.left_for == "https://portal.example/left"
    browser.open(flow.authorisation_url)
    browser.post("details", **FORM)
    browser.post("refuse")
    assert parse_qs(urlsplit(browser.left_for).query)["outcome"] == ["failure"]
    assert {"flow_exited", "bank_authorisation_denied"} <= set(gc.actions(billing_request=request.id))
    assert gc.client.payments.list().records == []
    browser.open(flow.authorisation_url)
    gc.control.advance(days=8)
    browser.post("confirm")
    assert parse_qs(urlsplit(browser.left_for).query)["outcome"] == ["timeout"]
    browser.open(flow.authorisation_url)
    assert browser.status == 410 and gc.client.payments.list().records == []


def test_two_clicks_make_one_payment(gc, browse):
    request = ask(gc, **PAYMENT)
    browser = browse(start(gc, request))
    browser.post("details", **FORM)
    page = browser.page
    browser.post("confirm")
    browser.page = page
    browser.post("confirm")
    assert parse_qs(urlsplit(browser.left_for).query)["outcome"] == ["success"]
    assert len(gc.client.payments.list().records) == 1


def test_a_form_without_the_flows_token_does_nothing(gc, browse):
    request = ask(gc, **PAYMENT)
    browser = browse(start(gc, request))
    browser.post("details", **FORM)
    browser.post("confirm", csrf_token="guessed")
    assert browser.status == 400 and gc.client.payments.list().records == []


def test_without_auto_fulfil_we_fulfil(gc, browse):
    request = ask(gc, **MANDATE)
    browser = browse(start(gc, request, auto_fulfil=False))
    browser.post("details", **FORM)
    browser.post("confirm")
    assert gc.client.billing_requests.get(request.id).status == "ready_to_fulfil"
    assert gc.client.billing_requests.fulfil(request.id).status == "fulfilled"
    with pytest.raises(errors.InvalidStateError):
        gc.client.billing_requests.fulfil(request.id)
    assert len(gc.client.mandates.list().records) == 1


def test_all_of_it_by_the_api(gc):
    request = ask(gc, **MANDATE)
    service = gc.client.billing_requests
    assert set(actions(gc, request).values()) == {"pending"}
    with pytest.raises(errors.InvalidStateError):
        service.confirm_payer_details(request.id)
    with pytest.raises(errors.ValidationFailedError) as refused:
        service.collect_customer_details(request.id, params={"customer": PERSON})
    assert refused.value.errors[0]["field"] == "address_line1"
    told = {"customer": PERSON, "customer_billing_detail": PLACE}
    service.collect_customer_details(request.id, params=told)
    account = {"account_holder_name": "Dupont", "iban": IBAN, "country_code": "FR"}
    collected = service.collect_bank_account(request.id, params=account)
    assert collected.resources.customer_bank_account["account_number_ending"] == "89"
    assert collected.resources.customer["company_name"] == "Dupont SAS"
    assert collected.resources.customer_billing_detail["city"] == "Lyon"
    assert service.confirm_payer_details(request.id).status == "ready_to_fulfil"
    assert service.fulfil(request.id, params={"metadata": {"k": "v"}}).status == "fulfilled"


@pytest.mark.parametrize(
    ("scenario", "ends"),
    [
        ("billing_request_fulfilled", "confirmed"),
        ("billing_request_fulfilled_and_payment_failed", "failed"),
        ("billing_request_fulfilled_and_payment_confirmed_to_failed", "failed"),
        ("billing_request_fulfilled_and_payment_paid_out", "paid_out"),
    ],
)
def test_billing_request_scenarios(gc, scenario, ends):
    customer = gc.customer(**PLACE)
    request = ask(
        gc, **PAYMENT, links={"customer": customer.id, "customer_bank_account": gc.account(customer).id}
    )
    assert {name for name, state in actions(gc, request).items() if state == "pending"} == {
        "bank_authorisation"
    }
    gc.client.scenario_simulators.run(scenario, params={"links": {"resource": request.id}})
    gc.control.settle()
    links = gc.client.billing_requests.get(request.id).links
    assert gc.client.payments.get(links.payment_request_payment).status == ends


def test_falls_back_to_a_debit(gc):
    customer = gc.customer(**PLACE)
    account = gc.account(customer)
    links = {"customer": customer.id, "customer_bank_account": account.id}
    service = gc.client.billing_requests
    with pytest.raises(errors.InvalidStateError):
        service.fallback(ask(gc, **PAYMENT, links=links).id)
    request = ask(gc, **PAYMENT, links=links, fallback_enabled=True)
    assert service.fallback(request.id).fallback_occurred
    service.confirm_payer_details(request.id)
    done = service.fulfil(request.id)
    payment = gc.client.payments.get(done.links.payment_request_payment)
    assert payment.scheme == "sepa_core" and payment.links.mandate == done.links.mandate_request_mandate


def test_a_cancelled_request_ends_its_flows(gc, browse):
    request = ask(gc, **MANDATE)
    flow = start(gc, request)
    assert gc.client.billing_requests.cancel(request.id).status == "cancelled"
    assert browse(flow).status == 410
    with pytest.raises(errors.InvalidStateError):
        start(gc, request)
    with pytest.raises(errors.InvalidStateError):
        gc.client.billing_requests.cancel(request.id)


@pytest.mark.parametrize(
    ("wrong", "field"),
    [
        ({}, "mandate_request"),
        ({"mandate_request": {"currency": "USD"}}, "currency"),
        ({"mandate_request": {"currency": "EUR", "scheme": "sepa_b2b"}}, "scheme"),
        ({"payment_request": {"amount": 0, "currency": "EUR", "description": "x"}}, "amount"),
        ({"payment_request": {"amount": 1, "currency": "USD", "description": "x"}}, "currency"),
        ({"payment_request": {"amount": 1, "currency": "EUR"}}, "description"),
        (
            {"payment_request": {"amount": 1, "currency": "EUR", "description": "x", "colour": "red"}},
            "colour",
        ),
    ],
)
def test_refuses_requests_it_cannot_fulfil(gc, wrong, field):
    with pytest.raises(errors.ValidationFailedError) as refused:
        ask(gc, **wrong)
    assert refused.value.errors[0]["field"] == field
    assert gc.client.customers.list().records == []  # nothing half made


def test_instant_payment_is_a_capability_by_currency(gc):
    gc.control.settings(instant_currencies=["GBP"])
    with pytest.raises(errors.ValidationFailedError):
        ask(gc, **PAYMENT)


def test_the_same_key_gives_the_same_request(gc):
    key = {"Idempotency-Key": "br-1"}
    first = gc.client.billing_requests.create(params=PAYMENT, headers=key)
    assert gc.client.billing_requests.create(params=PAYMENT, headers=key).id == first.id


def test_lists_institutions_for_a_request(gc):
    request = ask(gc, **PAYMENT)
    found = gc.client.institutions.list_for_billing_request(request.id, params={"search": "bnp"}).records
    chosen = gc.client.billing_requests.select_institution(
        request.id, params={"country_code": "FR", "institution": found[0].id}
    )
    assert chosen.links.payment_provider == "bnp_paribas_fr"
