"""The parameters GoCardless accepts, and the refusal of all others.

The Python SDK 3.22.0 types no parameter. Names are those of the API reference (version 2015-07-06) as far as we know it,
and of the attributes of the SDK's resources. Where both are silent a name may be missing here: the sandbox then refuses
what the live API would take, never the other way round.
"""

from __future__ import annotations

from typing import Any

from shared.sandbox.gocardless.refusals import invalid, misuse

# A name maps to None (any plain value), to the names inside an object, or to [names] for a list of objects.
Names = dict[str, Any]


def _plain(text: str, **inside: Any) -> Names:
    return {**dict.fromkeys(text.split()), **inside}


_ADDRESS = "address_line1 address_line2 address_line3 city country_code postal_code region danish_identity_number swedish_identity_number"
_PERSON = "company_name email family_name given_name language phone_number"
_ACCOUNT = "account_holder_name account_number account_type bank_code branch_code country_code currency iban metadata"
_CREDITOR = "address_line1 address_line2 address_line3 bank_reference_prefix city country_code creditor_type name postal_code region"
_MANDATE_REQUEST = _plain(
    "authorisation_source consent_type currency description funds_settlement metadata payer_requested_dual_signature reference scheme sweeping verify",
    constraints=_plain(
        "end_date max_amount_per_payment payment_method start_date",
        periodic_limits=[_plain("alignment max_payments max_total_amount period")],
    ),
)
_PAYMENT_REQUEST = _plain(
    "amount app_fee currency description funds_settlement metadata reference retry_if_possible scheme"
)

CREATE: dict[str, Names] = {
    "customers": _plain(f"{_PERSON} {_ADDRESS} metadata"),
    "customer_bank_accounts": _plain(_ACCOUNT, links=_plain("customer customer_bank_account_token")),
    "mandates": _plain(
        "authorisation_source funds_settlement metadata payer_ip_address reference scheme",
        links=_plain("creditor customer_bank_account"),
    ),
    "payments": _plain(
        "amount app_fee charge_date currency description faster_ach metadata psu_interaction_type reference retry_if_possible",
        links=_plain("mandate"),
    ),
    "refunds": _plain("amount metadata reference total_amount_confirmation", links=_plain("mandate payment")),
    "billing_requests": _plain(
        "fallback_enabled metadata payment_context_code payment_purpose_code purpose_code",
        links=_plain("creditor customer customer_bank_account"),
        mandate_request=_MANDATE_REQUEST,
        payment_request=_PAYMENT_REQUEST,
    ),
    "billing_request_flows": _plain(
        "auto_fulfil customer_details_captured exit_uri language lock_bank_account lock_currency lock_customer_details"
        " redirect_uri show_redirect_buttons show_success_redirect_button skip_success_screen",
        links=_plain("billing_request"),
        prefilled_bank_account=_plain("account_type"),
        prefilled_customer=_plain(f"{_PERSON} {_ADDRESS}"),
    ),
    "mandate_pdfs": _plain(
        f"account_holder_name account_number account_type {_ADDRESS} bank_code bic branch_code iban mandate_reference"
        " payer_ip_address phone_number scheme signature_date subscription_amount subscription_frequency",
        links=_plain("creditor mandate"),
    ),
}

UPDATE: dict[str, Names] = {
    "customers": CREATE["customers"],
    "creditors": _plain(_CREDITOR),
    "customer_bank_accounts": _plain("metadata"),
    "mandates": _plain("metadata"),
    "payments": _plain("metadata retry_if_possible"),
    "refunds": _plain("metadata"),
    "payouts": _plain("metadata"),
}

_ONLY_METADATA = _plain("metadata")
ACTION: dict[tuple[str, str], Names] = {
    ("customer_bank_accounts", "disable"): {},
    ("mandates", "cancel"): _ONLY_METADATA,
    ("mandates", "reinstate"): _ONLY_METADATA,
    ("payments", "cancel"): _ONLY_METADATA,
    ("payments", "retry"): _plain("charge_date metadata"),
    ("webhooks", "retry"): {},
    ("billing_request_flows", "initialise"): {},
    ("billing_requests", "collect_customer_details"): {
        "customer": _plain(f"{_PERSON} metadata"),
        "customer_billing_detail": _plain(f"{_ADDRESS} ip_address"),
    },
    ("billing_requests", "collect_bank_account"): _plain(f"{_ACCOUNT} account_number_suffix pay_id"),
    ("billing_requests", "confirm_payer_details"): _plain("metadata payer_requested_dual_signature"),
    ("billing_requests", "select_institution"): _plain("country_code institution"),
    ("billing_requests", "choose_currency"): _plain("currency metadata"),
    ("billing_requests", "fulfil"): _ONLY_METADATA,
    ("billing_requests", "cancel"): _ONLY_METADATA,
    ("billing_requests", "fallback"): {},
    ("billing_requests", "notify"): _plain("notification_type redirect_uri"),
    ("scenario_simulators", "run"): {"links": _plain("resource")},
}

# A list's filter → where its value stands in a document.
_LINKS = "billing_request billing_request_flow creditor customer customer_bank_account instalment_schedule mandate outbound_payment parent_event payer_authorisation payment payout refund scheme_identifier subscription"
FILTERS: dict[str, dict[str, str]] = {
    "customers": {"currency": "_currency"},
    "customer_bank_accounts": {"customer": "links.customer", "enabled": "enabled"},
    "mandates": {
        "creditor": "links.creditor",
        "customer": "links.customer",
        "customer_bank_account": "links.customer_bank_account",
        "mandate_type": "mandate_type",
        "reference": "reference",
        "scheme": "scheme",
        "status": "status",
    },
    "payments": {
        "creditor": "links.creditor",
        "customer": "_customer",
        "currency": "currency",
        "mandate": "links.mandate",
        "status": "status",
        "subscription": "links.subscription",
    },
    "refunds": {"mandate": "links.mandate", "payment": "links.payment", "refund_type": "_refund_type"},
    "payouts": {
        "creditor": "links.creditor",
        "creditor_bank_account": "links.creditor_bank_account",
        "currency": "currency",
        "payout_type": "payout_type",
        "reference": "reference",
        "status": "status",
    },
    "payout_items": {"payout": "_payout"},
    "events": {
        "action": "action",
        "resource_type": "resource_type",
        **{name: f"links.{name}" for name in _LINKS.split()},
    },
    "webhooks": {"is_test": "is_test", "successful": "successful"},
    "billing_requests": {"customer": "links.customer", "status": "status"},
    "creditors": {},
}
DATED = {"payments": "charge_date"}  # besides created_at


def accept(names: Names, given: Any, pointer: str) -> dict[str, Any]:
    """`given` when every name in it is known; the first unknown one is refused."""
    if not isinstance(given, dict):
        raise misuse(400, "invalid_document_structure", f"{pointer} should be an object")
    for name, value in given.items():
        if name not in names:
            raise invalid(name, "is not a permitted parameter", f"{pointer}/{name}")
        inside = names[name]
        if name == "metadata":
            _check_metadata(value, f"{pointer}/metadata")
        elif isinstance(inside, dict) and value is not None:
            accept(inside, value, f"{pointer}/{name}")
        elif isinstance(inside, list):
            for place, each in enumerate(value or []):
                accept(inside[0], each, f"{pointer}/{name}/{place}")
        elif inside is None and isinstance(value, dict | list):
            raise invalid(name, "should not be an object or a list", f"{pointer}/{name}")
    return given


def _check_metadata(value: Any, pointer: str) -> None:
    if not isinstance(value, dict):
        raise invalid("metadata", "should be an object", pointer)
    if len(value) > 3:
        raise invalid("metadata", "should have at most 3 keys", pointer)
    for name, text in value.items():
        if len(name) > 50 or not isinstance(text, str) or len(text) > 500:
            raise invalid(
                "metadata", "keys have at most 50 characters, values are texts of at most 500", pointer
            )
