"""The GoCardless simulator, asked by the unmodified SDK: envelopes, refusals, idempotency, lists, bad luck."""

import threading

import gocardless_pro
import pytest
import requests
from gocardless_pro import errors
from gocardless_pro.services import base_service

from tests.make.gocardless import ACCESS_TOKEN, IBAN, world


@pytest.fixture
def gc(monkeypatch):
    # The SDK waits half a second between its tries.
    monkeypatch.setattr(base_service.time, "sleep", lambda seconds: None)
    with world() as served:
        yield served


def raw(gc, method, path, body=None, **headers):
    told = {"Authorization": f"Bearer {ACCESS_TOKEN}", "GoCardless-Version": "2015-07-06", **headers}
    told = {name: value for name, value in told.items() if value is not None}
    return requests.request(method, gc.address + path, json=body, headers=told, timeout=10)


def test_makes_reads_and_changes_what_collection_needs(gc):
    customer = gc.customer(metadata={"customer": "77"})
    assert gc.client.customers.get(customer.id).attributes == customer.attributes
    changed = gc.client.customers.update(customer.id, params={"city": "Lyon"})
    assert (changed.city, changed.given_name) == ("Lyon", "Camille")
    account = gc.account(customer)
    assert (account.account_number_ending, account.country_code) == ("89", "FR")
    mandate = gc.client.mandates.create(params={"links": {"customer_bank_account": account.id}})
    assert (mandate.scheme, mandate.status) == ("sepa_core", "pending_submission")
    payment = gc.payment(mandate, 12345, metadata={"payment": "0199"}, reference="RF18539007547034")
    assert (payment.amount, payment.status, payment.links.mandate) == (
        12345,
        "pending_submission",
        mandate.id,
    )
    assert payment.metadata == {"payment": "0199"} and not any(n.startswith("_") for n in payment.attributes)
    assert gc.client.payments.update(payment.id, params={"metadata": {}}).metadata == {}
    gc.client.customers.remove(customer.id)
    with pytest.raises(errors.InvalidApiUsageError):
        gc.client.customers.get(customer.id)


def test_disables_a_bank_account(gc):
    account = gc.account(gc.customer())
    assert not gc.client.customer_bank_accounts.disable(account.id).enabled
    with pytest.raises(errors.InvalidStateError):
        gc.client.mandates.create(params={"links": {"customer_bank_account": account.id}})


@pytest.mark.parametrize(
    ("wrong", "field"),
    [
        ({"amount": "12.00"}, "amount"),
        ({"amount": True}, "amount"),
        ({"amount": 0}, "amount"),
        ({"currency": "USD"}, "currency"),
        ({"charge_date": "2001-01-01"}, "charge_date"),
        ({"charge_date": "tomorrow"}, "charge_date"),
        ({"ammount": 12}, "ammount"),
        ({"links": {"mandat": "MD1"}}, "mandat"),
        ({"links": {}}, "mandate"),
        ({"reference": "x" * 141}, "reference"),
        ({"metadata": {"a": "1", "b": "2", "c": "3", "d": "4"}}, "metadata"),
        ({"metadata": {"k" * 51: "1"}}, "metadata"),
        ({"metadata": {"k": "v" * 501}}, "metadata"),
        ({"metadata": {"k": 1}}, "metadata"),
        ({"description": {"fr": "x"}}, "description"),
    ],
)
def test_refuses_what_is_wrong_and_names_it(gc, wrong, field):
    mandate = gc.mandate()
    with pytest.raises(errors.ValidationFailedError) as refused:
        gc.payment(mandate, **wrong)
    assert (refused.value.code, refused.value.errors[0]["field"]) == (422, field)
    assert refused.value.errors[0]["request_pointer"].endswith(field)
    assert field in str(refused.value) and refused.value.request_id
    assert gc.client.payments.list().records == []


def test_refuses_a_wrong_or_a_second_iban(gc):
    customer = gc.customer()
    told = {"account_holder_name": "C D", "iban": IBAN[:-1] + "8", "links": {"customer": customer.id}}
    with pytest.raises(errors.ValidationFailedError) as refused:
        gc.client.customer_bank_accounts.create(params=told)
    assert refused.value.errors[0]["field"] == "iban"
    account = gc.account(customer)
    with pytest.raises(errors.InvalidStateError) as refused:
        gc.account(customer)
    assert refused.value.code == 409
    assert refused.value.errors[0]["reason"] == "bank_account_exists"
    assert refused.value.errors[0]["links"] == {"customer_bank_account": account.id}


@pytest.mark.parametrize(
    ("headers", "code", "reason"),
    [
        ({"Authorization": None}, 401, "missing_authorization_header"),
        ({"Authorization": "Basic x"}, 401, "invalid_authorization_header"),
        ({"Authorization": "Bearer wrong"}, 401, "access_token_not_found"),
        ({"GoCardless-Version": None}, 400, "missing_version_header"),
        ({"GoCardless-Version": "2014-11-03"}, 400, "version_not_found"),
        ({"Content-Type": "text/plain"}, 415, "invalid_content_type"),
    ],
)
def test_wants_its_headers(gc, headers, code, reason):
    answer = raw(gc, "POST", "customers", {"customers": {}}, **headers)
    told = answer.json()["error"]
    assert (answer.status_code, told["code"], told["type"]) == (code, code, "invalid_api_usage")
    assert told["errors"][0]["reason"] == reason and told["request_id"] == answer.headers["X-Request-Id"]


@pytest.mark.parametrize("body", [None, [], {}, {"customer": {}}, {"customers": {}, "more": 1}])
def test_wants_its_envelope(gc, body):
    answer = raw(gc, "POST", "customers", body, **{"Content-Type": "application/json"})
    assert answer.status_code == 400
    assert answer.json()["error"]["errors"][0]["reason"] == "invalid_document_structure"


def test_what_does_not_exist_is_404(gc):
    for path in (
        "payments/PM1",
        "nothing",
        "nothing/1",
        "mandates/PM1",
        "payout_items/PI1",
        "agenda",
        "dues",
    ):
        answer = raw(gc, "GET", path)
        assert answer.status_code == 404, path
        assert answer.json()["error"]["type"] == "invalid_api_usage"
    assert raw(gc, "POST", "payments/PM1/actions/fly").status_code == 404


def test_a_wrong_token_is_an_authentication_error_in_the_sdk(gc):
    stranger = gocardless_pro.Client(access_token="other", base_url=gc.address)
    with pytest.raises(errors.AuthenticationError):
        stranger.payments.list()


def test_the_same_key_gives_the_same_payment_even_for_another_amount(gc):
    mandate, key = gc.mandate(), {"Idempotency-Key": "op-1"}
    first = gc.payment(mandate, 1000, headers=key)
    assert gc.payment(mandate, 9_999_999, headers=key).id == first.id
    assert gc.client.payments.get(first.id).amount == 1000
    strict = gc.sdk(raise_on_idempotency_conflict=True)
    told = {"amount": 1000, "currency": "EUR", "links": {"mandate": mandate.id}}
    with pytest.raises(errors.IdempotentCreationConflictError) as conflict:
        strict.payments.create(params=told, headers=key)
    assert (conflict.value.code, conflict.value.conflicting_resource_id) == (409, first.id)
    assert conflict.value.type == "invalid_state"
    # A key belongs to one kind of thing.
    assert gc.client.customers.create(params={"company_name": "X"}, headers=key).id.startswith("CU")


def test_a_refused_create_leaves_its_key_free(gc):
    mandate, key = gc.mandate(), {"Idempotency-Key": "op-2"}
    with pytest.raises(errors.ValidationFailedError):
        gc.payment(mandate, -5, headers=key)
    assert gc.payment(mandate, 500, headers=key).amount == 500


def test_fifty_at_once_with_one_key_make_one_payment(gc):
    mandate, made = gc.mandate(), []

    def pay():
        made.append(gc.payment(mandate, headers={"Idempotency-Key": "one"}).id)

    threads = [threading.Thread(target=pay) for _ in range(50)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(made) == 50 and len(set(made)) == 1 and len(gc.client.payments.list().records) == 1


@pytest.mark.parametrize(
    "kind",
    ["bad_gateway_before_commit", "bad_gateway_after_commit", "reset_before_commit", "reset_after_commit"],
)
@pytest.mark.parametrize("times", [1, 2])
def test_the_sdks_retries_make_one_payment(gc, kind, times):
    mandate = gc.mandate()
    gc.control.fault(kind, times=times, path="/payments")
    payment = gc.payment(mandate)
    assert [each.id for each in gc.client.payments.list().records] == [payment.id]
    assert gc.actions(payment=payment.id) == ["created"]


def test_an_answer_lost_for_good_is_found_by_its_key(gc):
    mandate, key = gc.mandate(), {"Idempotency-Key": "op-3"}
    gc.control.fault("bad_gateway_after_commit", times=3, path="/payments")
    with pytest.raises(errors.MalformedResponseError):
        gc.payment(mandate, headers=key)
    gc.control.fault("error_after_commit", path="/payments")  # too late: it exists
    with pytest.raises(errors.GoCardlessInternalError):
        gc.payment(mandate, headers=key)
    payment = gc.payment(mandate, headers=key)
    assert [each.id for each in gc.client.payments.list().records] == [payment.id]


@pytest.mark.parametrize(("kind", "made"), [("error_before_commit", 0), ("error_after_commit", 1)])
def test_a_500_says_nothing_of_what_happened(gc, kind, made):
    mandate = gc.mandate()
    gc.control.fault(kind, path="/payments")
    with pytest.raises(errors.GoCardlessInternalError) as failed:
        gc.payment(mandate)
    assert failed.value.code == 500 and failed.value.type == "gocardless"
    assert len(gc.client.payments.list().records) == made


def test_actions_are_not_retried_by_the_sdk_but_may_have_happened(gc):
    payment = gc.payment()
    gc.control.fault("reset_after_commit", path=f"/payments/{payment.id}/actions/cancel")
    with pytest.raises(requests.ConnectionError):
        gc.client.payments.cancel(payment.id)
    assert gc.client.payments.get(payment.id).status == "cancelled"


def test_limits_the_rate(gc):
    mandate = gc.mandate()
    gc.control.fault("rate_limit", path="/payments")
    with pytest.raises(errors.RateLimitError):
        gc.payment(mandate)
    gc.control.settings(rate_limit=1)
    with pytest.raises(errors.RateLimitError):
        gc.payment(mandate)
    gc.control.settings(rate_limit=1000)
    gc.client.payments.list()
    limit = gc.client._api_client.rate_limit
    assert limit.limit == 1000 and 0 < limit.remaining < 1000 and limit.reset


def test_pages_through_everything_once_the_newest_first(gc):
    mandate = gc.mandate()
    made = [gc.payment(mandate, 100 + n).id for n in range(7)]
    assert [each.id for each in gc.client.payments.all(params={"limit": 3})] == made[::-1]
    first = gc.client.payments.list(params={"limit": 3})
    second = gc.client.payments.list(params={"limit": 3, "after": first.after})
    back = gc.client.payments.list(params={"limit": 3, "before": second.before})
    assert [each.id for each in back.records] == [each.id for each in first.records]
    assert first.before is None and second.before == second.records[0].id


def test_filters_lists(gc):
    first, second = gc.payment(), gc.payment(amount=500)
    gc.client.payments.cancel(second.id)

    def found(**filters):
        return [each.id for each in gc.client.payments.list(params=filters).records]

    assert found(status="cancelled") == [second.id]
    assert found(mandate=first.links.mandate) == [first.id]
    customer = gc.client.mandates.get(first.links.mandate).links.customer
    assert found(customer=customer) == [first.id]
    assert found(**{"created_at[gt]": second.created_at}) == []
    assert found(**{"created_at[gte]": first.created_at, "created_at[lt]": "2999-01-01T00:00:00Z"}) != []
    assert found(**{"charge_date[lte]": "2001-01-01"}) == []
    assert gc.actions(payment=second.id) == ["created", "cancelled"]
    assert gc.actions(action="cancelled", resource_type="payments") == ["cancelled"]
    enabled = gc.client.customer_bank_accounts.list(params={"customer": customer, "enabled": "true"})
    assert len(enabled.records) == 1


@pytest.mark.parametrize(
    "wrong",
    [
        {"colour": "red"},
        {"limit": 501},
        {"limit": 0},
        {"created_at[gt]": "now"},
        {"created_at[is]": "x"},
        {"after": "PM1"},
    ],
)
def test_refuses_a_filter_it_does_not_know(gc, wrong):
    with pytest.raises(errors.InvalidApiUsageError):
        gc.client.payments.list(params=wrong)


def test_lends_mandate_pdfs_and_lists_institutions_and_creditors(gc):
    mandate = gc.mandate(reference="QUITTANCE-77")
    pdf = gc.client.mandate_pdfs.create(params={"links": {"mandate": mandate.id}})
    content = requests.get(pdf.url, timeout=10)
    assert content.headers["Content-Type"] == "application/pdf" and b"QUITTANCE-77" in content.content
    gc.control.advance(minutes=31)
    assert requests.get(pdf.url, timeout=10).status_code == 404
    french = gc.client.institutions.list(params={"country_code": "FR"}).records
    assert {each.country_code for each in french} == {"FR"}
    (creditor,) = gc.client.creditors.list().records
    assert gc.client.creditors.get(creditor.id).name == mandate_creditor(gc, mandate)


def mandate_creditor(gc, mandate):
    return gc.client.creditors.get(mandate.links.creditor).name


def test_remembers_over_a_restart(tmp_path):
    path = tmp_path / "gocardless.sqlite"
    with world(path) as before:
        before.control.advance(days=2)
        payment = before.payment(headers={"Idempotency-Key": "kept"})
    with world(path) as after:
        assert after.client.payments.get(payment.id).attributes == payment.attributes
        again = after.payment(after.mandate(), headers={"Idempotency-Key": "kept"})
        assert again.id == payment.id
