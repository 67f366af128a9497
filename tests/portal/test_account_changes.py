"""What a debtor is shown of bank details: a factor's alone where the invoice is a factor's, and every change of ours."""

import re

from shared import db
from shared.creditors import changes
from shared.payments.announcing import announce
from shared.payments.queries import payables
from shared.payments.rules import Choice, Payable, Payee, may_be_paid_by_provider
from shared.reporting.transfers import waiting
from tests.make.account import in_days
from tests.make.account_changes import approve_change, ask_change, asker, put_in_force
from tests.make.books import FACTOR_IBAN, OWN_IBAN, PAYER_IBAN

OWN_SHOWN = f"{OWN_IBAN[:4]} {OWN_IBAN[4:8]}"


def in_both(client, page):
    for language in ("en", "fr"):
        client.set_cookie("lang", language)
        yield client.get(page).text


def transfer(account, *names):
    with db.writing(account.actor) as session:
        made = announce(session, account.actor, [Choice(account.items[n]) for n in names], in_days(1))
    return f"/payments/transfers?id={made[0].id}"


def test_an_assigned_invoice_shows_the_factor_alone_everywhere(account, client):
    for page in (
        lambda: f"/pay/check?item={account.items['factored']}",
        lambda: f"/invoices/{account.items['factored']}",
        lambda: transfer(account, "factored"),
    ):
        address = page()
        for text in in_both(client, address):
            assert "Facto Nord SA" in text, address
            assert OWN_IBAN not in text and OWN_SHOWN not in text, address
    for text in in_both(client, address):
        assert f'data-copy="{FACTOR_IBAN}"' in text and 'class="qr"' in text
        assert re.findall(r'data-copy="(FR[0-9A-Z]{20,})"', text) == [FACTOR_IBAN]
    assert in_file(client, address) == [FACTOR_IBAN]


def in_file(client, page):
    data = {"id": page.split("=")[1], "name": "Société Élan", "iban": PAYER_IBAN}
    answer = client.post("/payments/transfers/file", data=data)
    return re.findall(r"<CdtrAcct><Id><IBAN>([A-Z0-9]+)</IBAN>", re.sub(r">\s+<", "><", answer.text))


def test_a_statement_names_no_account(account, client):
    told = (
        client.get("/statement/file.csv?since=2020-01-01").text
        + client.get("/statement?since=2020-01-01").text
    )
    assert "F2026-000105" in told
    assert OWN_IBAN not in told and OWN_SHOWN not in told and FACTOR_IBAN not in told


def test_only_what_is_paid_to_the_creditor_may_be_paid_by_a_provider(account):
    with db.reading(account.actor) as session:
        found = {p.number: may_be_paid_by_provider(p) for p in payables(session, account.actor)}
    assert found["F2026-000101"] and found["S-2026-14"]
    assert not found["F2026-000105"], "a factor’s"
    assert not found["F2026-000106"], "nobody knows whose"
    own = Payee(account.factor, "X", OWN_IBAN, None)
    payable = Payable(account.factor, account.lyon, account.factor, "F", "EUR", 1, in_days(0), own)
    assert may_be_paid_by_provider(payable)


def test_payment_pages_tell_the_change_from_its_approval_on(account, client):
    pages = ["/pay", f"/pay/check?item={account.items['late']}", f"/invoices/{account.items['late']}"]
    pages.append(transfer(account, "soon"))
    change = ask_change(account.books.creditor_id, iban=PAYER_IBAN)
    for page in pages:
        assert "Our bank details" not in client.get(page).text
    approve_change(change)
    for page in pages:
        english, french = in_both(client, page)
        assert "Our bank details change on" in english and "Nos coordonnées bancaires changent le" in french
        assert PAYER_IBAN not in english and PAYER_IBAN[-4:] in english and OWN_IBAN[-4:] in english
    put_in_force()
    for page in pages:
        english, french = in_both(client, page)
        assert "Our bank details changed on" in english and "Nos coordonnées bancaires ont changé" in french
    client.set_cookie("lang", "en")
    old = client.get(pages[-1]).text
    assert f'data-copy="{OWN_IBAN}"' in old and "Announced to our former account" in old
    assert "Announced to our former account" in client.get("/payments").text
    new = client.get(transfer(account, "late")).text
    assert f'data-copy="{PAYER_IBAN}"' in new and "Announced to our former account" not in new
    with db.reading(account.actor) as session:
        assert {p.to_old_account for p in waiting(session, account.actor)} == {True, False}


def test_a_cancelled_change_is_told_no_more(account, client):
    change = ask_change(account.books.creditor_id, iban=PAYER_IBAN)
    approve_change(change)
    with db.writing(asker()) as session:
        changes.cancel(session, asker(), change, "fraud")
    assert "Our bank details" not in client.get("/pay").text
