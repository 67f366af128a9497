"""A customer's virtual IBAN and cash balance: instructions, money that arrives, and what it is applied to."""

from __future__ import annotations

from shared.sandbox.stripe import money_in
from shared.sandbox.stripe.account import HOLDER, Account
from shared.sandbox.stripe.refusals import Json, Refused, missing_parameter, wrong_state

_ADDRESS = {"city": None, "country": "FR", "line1": None, "line2": None, "postal_code": None, "state": None}


def ask(account: Account, intent: Json, method: Json) -> Json:
    """Wait for a transfer; money that is there already is used when the customer reconciles automatically."""
    options = intent["payment_method_options"].get("customer_balance") or {}
    country = ((options.get("bank_transfer") or {}).get("eu_bank_transfer") or {}).get("country")
    if options.get("funding_type") != "bank_transfer" or not country:
        raise missing_parameter("payment_method_options[customer_balance][bank_transfer]")
    account.save(intent, status="requires_action", _applied=0, _country=country)
    _instruct(account, intent)
    account.tell("payment_intent.requires_action", intent)
    customer = account.find("customer", intent["customer"])
    there = customer["_cash"].get(intent["currency"], 0)
    if there and _automatic(customer):
        apply(account, intent, min(there, intent["amount"]))
    return intent


def _instruct(account: Account, intent: Json) -> None:
    account.save(
        intent,
        next_action={
            "type": "display_bank_transfer_instructions",
            "display_bank_transfer_instructions": {
                "amount_remaining": intent["amount"] - intent["_applied"],
                "currency": intent["currency"],
                "financial_addresses": [address(intent["customer"], intent["_country"])],
                "hosted_instructions_url": f"{account.url}/instructions/{intent['id']}",
                "reference": reference(intent["customer"]),
                "type": "eu_bank_transfer",
            },
        },
    )


def reference(customer_id: str) -> str:
    return "SIM" + customer_id[-9:].upper()


def address(customer_id: str, country: str) -> Json:
    """The IBAN that is the customer's own, the same at every call."""
    return {
        "type": "iban",
        "supported_networks": ["sepa"],
        "iban": {
            "account_holder_address": _ADDRESS,
            "account_holder_name": HOLDER,
            "bank_address": _ADDRESS,
            "bic": "SIMUFRPPXXX",
            "country": country,
            "iban": _iban(customer_id),
        },
    }


def _iban(customer_id: str) -> str:
    bank, branch = 30_999, 1
    number = int(customer_id[-16:], 16) % 10**11
    key = 97 - (89 * bank + 15 * branch + 3 * number) % 97
    body = f"{bank:05}{branch:05}{number:011}{key:02}"
    return f"FR{98 - int(body + '152700') % 97:02}{body}"


def instructions(account: Account, params: Json, customer_id: str) -> Json:
    account.find("customer", customer_id, "customer")
    transfer = params["bank_transfer"]
    country = (transfer.get("eu_bank_transfer") or {}).get("country") or "FR"
    return {
        "object": "funding_instructions",
        "bank_transfer": {
            "country": country,
            "financial_addresses": [address(customer_id, country)],
            "type": "eu_bank_transfer",
        },
        "currency": params["currency"],
        "funding_type": "bank_transfer",
        "livemode": False,
    }


def cash_balance(account: Account, params: Json, customer_id: str) -> Json:
    customer = account.find("customer", customer_id, "customer")
    if mode := (params.get("settings") or {}).get("reconciliation_mode"):
        account.save(customer, _mode=mode)
    return {
        "object": "cash_balance",
        "available": customer["_cash"] or None,
        "customer": customer_id,
        "livemode": False,
        "settings": {
            "reconciliation_mode": "automatic" if _automatic(customer) else "manual",
            "using_merchant_default": customer["_mode"] == "merchant_default",
        },
    }


def _automatic(customer: Json) -> bool:
    return bool(customer["_mode"] != "manual")


def fund(account: Account, params: Json, customer_id: str) -> Json:
    """A transfer arrives on the customer's IBAN."""
    customer = account.find("customer", customer_id, "customer")
    currency, amount, told = params["currency"].lower(), params["amount"], params.get("reference")
    if amount < 1:
        raise Refused("This value must be greater than or equal to 1.", "parameter_invalid_integer", "amount")
    arrived = _move(
        account,
        customer,
        "funded",
        currency,
        amount,
        funded={
            "bank_transfer": {
                "type": "eu_bank_transfer",
                "reference": told,
                "eu_bank_transfer": {
                    "bic": "BNPAFRPPXXX",
                    "iban_last4": "0189",
                    "sender_name": customer["name"],
                },
            }
        },
    )
    account.tell("cash_balance.funds_available", cash_balance(account, {}, customer_id))
    if _automatic(customer):
        _reconcile(account, customer, currency)
    return arrived


def _move(account: Account, customer: Json, kind: str, currency: str, net: int, **more: Json) -> Json:
    balance = customer["_cash"].get(currency, 0) + net
    account.save(customer, _cash={**customer["_cash"], currency: balance})
    moved = account.new(
        "customer_cash_balance_transaction",
        "ccsbtxn",
        type=kind,
        currency=currency,
        customer=customer["id"],
        customer_account=None,
        ending_balance=balance,
        net_amount=net,
        **more,
    )
    account.tell("customer_cash_balance_transaction.created", moved)
    return moved


def _reconcile(account: Account, customer: Json, currency: str) -> None:
    """Automatic mode: the intent of exactly this amount, else the oldest first."""
    waiting = [
        intent
        for intent in account.store.every(
            "payment_intent", customer=customer["id"], currency=currency, status="requires_action"
        )
        if intent["next_action"]["type"] == "display_bank_transfer_instructions"
    ]
    there = customer["_cash"].get(currency, 0)
    exact = [intent for intent in waiting if intent["amount"] - intent["_applied"] == there]
    for intent in exact[:1] or waiting:
        there = account.find("customer", customer["id"])["_cash"].get(currency, 0)
        if there:
            apply(account, intent, min(there, intent["amount"] - intent["_applied"]))


def apply(account: Account, intent: Json, amount: int) -> Json:
    """Pay an intent, or part of it, from the customer's cash balance."""
    customer = account.find("customer", intent["customer"])
    _move(
        account,
        customer,
        "applied_to_payment",
        intent["currency"],
        -amount,
        applied_to_payment={"payment_intent": intent["id"]},
    )
    intent["_applied"] += amount
    if intent["_applied"] < intent["amount"]:
        _instruct(account, intent)
        account.tell("payment_intent.partially_funded", intent)
        return intent
    method = account.find("payment_method", intent["payment_method"])
    made = money_in.charge(account, intent, method, intent["amount"])
    account.tell("charge.succeeded", made)
    account.save(intent, status="succeeded", amount_received=intent["amount"], next_action=None)
    account.tell("payment_intent.succeeded", intent)
    return intent


def apply_by_hand(account: Account, params: Json, intent_id: str) -> Json:
    """`apply_customer_balance`: what manual reconciliation calls."""
    intent = account.find("payment_intent", intent_id, "intent")
    action = intent["next_action"] or {}
    if intent["status"] != "requires_action" or action["type"] != "display_bank_transfer_instructions":
        raise wrong_state(intent, "apply customer balance to")
    if params.get("currency", intent["currency"]) != intent["currency"]:
        raise Refused("The currency must be the PaymentIntent's.", "parameter_invalid", "currency")
    left = intent["amount"] - intent["_applied"]
    amount = params.get("amount", left)
    there = account.find("customer", intent["customer"])["_cash"].get(intent["currency"], 0)
    if not 0 < amount <= left:
        raise Refused(f"The amount must be between 1 and {left}.", "parameter_invalid_integer", "amount")
    if amount > there:
        raise Refused(
            "The customer's cash balance has insufficient funds.",
            "customer_balance_insufficient_funds",
            started=True,
        )
    return apply(account, intent, amount)


def give_back(account: Account, intent: Json) -> None:
    """A cancelled intent returns what was applied to it."""
    if intent.get("_applied"):
        customer = account.find("customer", intent["customer"])
        _move(
            account,
            customer,
            "unapplied_from_payment",
            intent["currency"],
            intent["_applied"],
            unapplied_from_payment={"payment_intent": intent["id"]},
        )
        intent["_applied"] = 0


def refunded(account: Account, refund: Json, customer_id: str) -> None:
    """A refund of a transfer lands in the customer's cash balance."""
    customer = account.find("customer", customer_id)
    _move(
        account,
        customer,
        "refunded_from_payment",
        refund["currency"],
        refund["amount"],
        refunded_from_payment={"refund": refund["id"]},
    )
