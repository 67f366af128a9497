"""Which request does what: method, path, the SDK's name for its parameters, and the verb."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from shared.sandbox.stripe import (
    bank_transfers,
    checkout,
    customers,
    disputes,
    intents,
    methods,
    payouts,
    refunds,
    setup_intents,
    webhooks,
)
from shared.sandbox.stripe.account import Account, shown
from shared.sandbox.stripe.refusals import Json, Refused

Verb = Callable[..., Json]


@dataclass(frozen=True)
class Route:
    """`public` when browsers may call it with a publishable key and the object's client secret."""

    method: str
    path: str
    params: str
    verb: Verb
    public: bool = False


def _get(kind: str) -> Verb:
    return lambda account, params, wanted: account.find(kind, wanted)


def _list(kind: str, *filters: str, fixed: str = "") -> Verb:
    """Stripe's lists: newest first, `limit`, `starting_after`, `ending_before`, `created`, and equal values."""

    def listed(account: Account, params: Json, parent: str | None = None) -> Json:
        having = {name: params[name] for name in filters if name in params}
        if fixed:
            having[fixed] = parent
        return page(account, kind, having, params)

    return listed


def page(account: Account, kind: str, having: Json, params: Json) -> Json:
    limit = params.get("limit", 10)
    if not 1 <= limit <= 100:
        raise Refused("Limit must be between 1 and 100.", "parameter_invalid_integer", "limit")
    created = params.get("created", {})
    if isinstance(created, int):
        having, created = {**having, "created": created}, {}
    for name in ("starting_after", "ending_before"):
        if name in params:
            account.find(kind, params[name], name)
    found, more = account.store.page(
        kind, having, created, params.get("starting_after"), params.get("ending_before"), limit
    )
    return {
        "object": "list",
        "data": [shown(each) for each in found],
        "has_more": more,
        "url": f"/v1/{kind}s",
    }


def _movements(account: Account, params: Json) -> Json:
    """Balance transactions; only an automatic payout can be itemised."""
    having: Json = {name: params[name] for name in ("type", "source", "currency") if name in params}
    if wanted := params.get("payout"):
        payout = account.find("payout", wanted, "payout")
        if not payout["automatic"]:
            raise Refused(
                "Balance transaction history can only be filtered on automatic transfers, not manual.",
                None,
                "payout",
            )
        having["_payout"] = wanted
    return page(account, "balance_transaction", having, params)


def _events(account: Account, params: Json) -> Json:
    having = {"type": params["types"]} if "types" in params else {}
    if "type" in params:
        having["type"] = params["type"]
    return page(account, "event", having, params)


def _method_list(account: Account, params: Json, customer: str | None = None) -> Json:
    having = {"type": params["type"]} if "type" in params else {}
    return page(account, "payment_method", {**having, "customer": customer or params.get("customer")}, params)


_PI, _SI = "/v1/payment_intents", "/v1/setup_intents"
_CUSTOMER = "/v1/customers/<id>"
_CASH = "customer_cash_balance_transaction"

ROUTES = (
    Route("POST", "/v1/customers", "CustomerCreateParams", customers.create),
    Route("GET", "/v1/customers", "CustomerListParams", _list("customer", "email")),
    Route("GET", _CUSTOMER, "CustomerRetrieveParams", customers.retrieve),
    Route("POST", _CUSTOMER, "CustomerUpdateParams", customers.update),
    Route("GET", f"{_CUSTOMER}/payment_methods", "CustomerPaymentMethodListParams", _method_list),
    Route(
        "GET", f"{_CUSTOMER}/cash_balance", "CustomerCashBalanceRetrieveParams", bank_transfers.cash_balance
    ),
    Route(
        "POST", f"{_CUSTOMER}/cash_balance", "CustomerCashBalanceUpdateParams", bank_transfers.cash_balance
    ),
    Route(
        "GET",
        f"{_CUSTOMER}/cash_balance_transactions",
        "CustomerCashBalanceTransactionListParams",
        _list(_CASH, fixed="customer"),
    ),
    Route(
        "GET",
        f"{_CUSTOMER}/cash_balance_transactions/<other>",
        "CustomerCashBalanceTransactionRetrieveParams",
        lambda account, params, customer, wanted: account.find(_CASH, wanted),
    ),
    Route(
        "POST",
        f"{_CUSTOMER}/funding_instructions",
        "CustomerFundingInstructionsCreateParams",
        bank_transfers.instructions,
    ),
    Route(
        "POST",
        "/v1/test_helpers/customers/<id>/fund_cash_balance",
        "CustomerFundCashBalanceParams",
        bank_transfers.fund,
    ),
    Route("POST", "/v1/customer_sessions", "CustomerSessionCreateParams", customers.create_session),
    Route("POST", _PI, "PaymentIntentCreateParams", intents.create),
    Route("GET", _PI, "PaymentIntentListParams", _list("payment_intent", "customer")),
    Route("GET", f"{_PI}/<id>", "PaymentIntentRetrieveParams", intents.retrieve, public=True),
    Route("POST", f"{_PI}/<id>", "PaymentIntentUpdateParams", intents.update),
    Route("POST", f"{_PI}/<id>/confirm", "PaymentIntentConfirmParams", intents.confirm, public=True),
    Route("POST", f"{_PI}/<id>/capture", "PaymentIntentCaptureParams", intents.capture),
    Route("POST", f"{_PI}/<id>/cancel", "PaymentIntentCancelParams", intents.cancel),
    Route(
        "POST",
        f"{_PI}/<id>/apply_customer_balance",
        "PaymentIntentApplyCustomerBalanceParams",
        bank_transfers.apply_by_hand,
    ),
    Route("POST", _SI, "SetupIntentCreateParams", setup_intents.create),
    Route("GET", _SI, "SetupIntentListParams", _list("setup_intent", "customer", "payment_method")),
    Route("GET", f"{_SI}/<id>", "SetupIntentRetrieveParams", setup_intents.retrieve, public=True),
    Route("POST", f"{_SI}/<id>", "SetupIntentUpdateParams", setup_intents.update),
    Route("POST", f"{_SI}/<id>/confirm", "SetupIntentConfirmParams", setup_intents.confirm, public=True),
    Route("POST", f"{_SI}/<id>/cancel", "SetupIntentCancelParams", setup_intents.cancel),
    Route("POST", "/v1/payment_methods", "PaymentMethodCreateParams", methods.create),
    Route("GET", "/v1/payment_methods", "PaymentMethodListParams", _method_list),
    Route("GET", "/v1/payment_methods/<id>", "PaymentMethodRetrieveParams", methods.retrieve),
    Route("POST", "/v1/payment_methods/<id>/attach", "PaymentMethodAttachParams", methods.attach),
    Route("POST", "/v1/payment_methods/<id>/detach", "PaymentMethodDetachParams", methods.detach),
    Route("GET", "/v1/mandates/<id>", "MandateRetrieveParams", _get("mandate")),
    Route("GET", "/v1/charges", "ChargeListParams", _list("charge", "customer", "payment_intent")),
    Route("GET", "/v1/charges/<id>", "ChargeRetrieveParams", _get("charge")),
    Route("POST", "/v1/refunds", "RefundCreateParams", refunds.create),
    Route("GET", "/v1/refunds", "RefundListParams", _list("refund", "charge", "payment_intent")),
    Route("GET", "/v1/refunds/<id>", "RefundRetrieveParams", refunds.retrieve),
    Route("POST", "/v1/refunds/<id>", "RefundUpdateParams", refunds.update),
    Route("POST", "/v1/refunds/<id>/cancel", "RefundCancelParams", refunds.cancel),
    Route("GET", "/v1/disputes", "DisputeListParams", _list("dispute", "charge", "payment_intent")),
    Route("GET", "/v1/disputes/<id>", "DisputeRetrieveParams", disputes.retrieve),
    Route("POST", "/v1/disputes/<id>", "DisputeUpdateParams", disputes.update),
    Route("POST", "/v1/disputes/<id>/close", "DisputeCloseParams", disputes.accept),
    Route("GET", "/v1/balance_transactions", "BalanceTransactionListParams", _movements),
    Route(
        "GET",
        "/v1/balance_transactions/<id>",
        "BalanceTransactionRetrieveParams",
        _get("balance_transaction"),
    ),
    Route("GET", "/v1/payouts", "PayoutListParams", _list("payout", "status")),
    Route("GET", "/v1/payouts/<id>", "PayoutRetrieveParams", payouts.retrieve),
    Route("GET", "/v1/events", "EventListParams", _events),
    Route("GET", "/v1/events/<id>", "EventRetrieveParams", _get("event")),
    Route("POST", "/v1/webhook_endpoints", "WebhookEndpointCreateParams", webhooks.create),
    Route("GET", "/v1/webhook_endpoints", "WebhookEndpointListParams", _list("webhook_endpoint")),
    Route("GET", "/v1/webhook_endpoints/<id>", "WebhookEndpointRetrieveParams", webhooks.retrieve),
    Route("POST", "/v1/webhook_endpoints/<id>", "WebhookEndpointUpdateParams", webhooks.update),
    Route("DELETE", "/v1/webhook_endpoints/<id>", "WebhookEndpointDeleteParams", webhooks.delete),
    Route("POST", "/v1/checkout/sessions", "SessionCreateParams", checkout.create),
    Route(
        "GET",
        "/v1/checkout/sessions",
        "SessionListParams",
        _list("checkout.session", "customer", "payment_intent", "status"),
    ),
    Route("GET", "/v1/checkout/sessions/<id>", "SessionRetrieveParams", checkout.retrieve),
    Route("POST", "/v1/checkout/sessions/<id>/expire", "SessionExpireParams", checkout.expire),
)
