"""What the worker does for payments whenever it is woken: commands out, events in, looks at the provider, credits of the own bank."""

from __future__ import annotations

import threading

from shared.rails.collection_money import settle_arrived
from shared.rails.inbox import read_waiting
from shared.rails.performing import perform_waiting
from shared.rails.syncing import sync_due


def work_waiting(stop: threading.Event | None = None) -> int:
    """Do everything that is due; gives how many steps were taken. Any number of workers may do this at once."""
    return perform_waiting(stop) + read_waiting(stop) + sync_due(stop) + settle_arrived(stop)
