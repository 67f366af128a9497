"""Who connects Stripe is told, by the guide and by the page, to subscribe to exactly what the software listens to."""

import re
from fnmatch import fnmatchcase

from backoffice.payments.words import SUBSCRIBE
from shared.rails.providers.stripe_webhooks import SUBSCRIBED
from tests.house_rules.files import ROOT


def test_the_guide_lists_the_events_of_stripe():
    guide = (ROOT / "docs/operate.md").read_text("utf-8")
    listed = re.search(r"```text\n(payment_intent\..*?)```", guide, re.DOTALL)
    assert listed is not None
    assert sorted(listed[1].split()) == sorted(SUBSCRIBED)


def test_the_page_names_the_events_of_stripe_by_their_kinds():
    unnamed = [
        event for event in SUBSCRIBED if not any(fnmatchcase(event, kind) for kind in SUBSCRIBE["stripe"])
    ]
    assert not unnamed
    assert all(any(fnmatchcase(event, kind) for event in SUBSCRIBED) for kind in SUBSCRIBE["stripe"])
