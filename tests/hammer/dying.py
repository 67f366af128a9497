"""A process that counts its steps and kills itself at the one it is told.

A step is where a death leaves another world behind: before and after each commit, before each request to a provider
and after its answer. Nothing in the product knows of them. One process is started and has everything loaded; each
life is a fork of it, with connections of its own.
"""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import traceback
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from uuid import UUID

import psycopg
import requests
from sqlalchemy import event
from sqlalchemy.orm import Session

from shared import db
from shared.actor import debtor
from shared.config import settings
from shared.payments.rules import Choice
from shared.rails import inbox, payouts, starting
from shared.rails.inbox import read_waiting
from shared.rails.performing import perform_waiting
from shared.rails.providers import gocardless, stripe
from shared.rails.snapshot import Method
from shared.rails.syncing import sync_due

ROOT = Path(__file__).resolve().parents[2]
_NAME = "quittance that dies"
_CODE = "from tests.hammer.dying import main; main()"


# The SDKs are slow to load: once, not in each life.
_LOADED = (gocardless, stripe)


def perform() -> None:
    """The worker, with commands to carry out."""
    perform_waiting()


def look() -> None:
    """The worker, with events to read and payments to look at."""
    read_waiting()
    sync_due()


def accept(provider: str, account_id: str, headers: dict[str, str], raw: str) -> None:
    """The portal, told something by a provider."""
    inbox.accept(provider, UUID(account_id), headers, raw.encode())


def pay(person: str, customer_id: str, item_id: str, account_id: str) -> None:
    """The portal, as a debtor presses the button."""
    actor = debtor(UUID(person), "Camille Aubry", (UUID(customer_id),))
    with db.writing(actor) as session:
        terms = starting.Terms(UUID(account_id), Method.CARD, "fr", email="c@client.example")
        starting.pay(session, actor, [Choice(UUID(item_id))], terms)


def hear_of_payouts() -> None:
    """The worker, asking for payouts and looking at them."""
    payouts.ask_providers()
    sync_due()


VERBS: dict[str, Callable[..., None]] = {
    verb.__name__: verb for verb in (perform, look, accept, pay, hear_of_payouts)
}


def main() -> None:
    """Read one life per line, live it, tell what became of it."""
    for line in sys.stdin:
        told = json.loads(line)
        reads, writes = os.pipe()
        pid = os.fork()
        if pid == 0:
            os.close(reads)
            _live(told, writes)
        os.close(writes)
        with os.fdopen(reads) as steps:
            seen = steps.read().splitlines()
        _, status = os.waitpid(pid, 0)
        killed = os.WIFSIGNALED(status) and os.WTERMSIG(status) == signal.SIGKILL
        print(json.dumps({"killed": killed, "failed": not killed and status != 0, "steps": seen}), flush=True)


def _live(told: dict[str, Any], writes: int) -> None:
    os.dup2(2, 1)  # what it logs is no answer of ours
    os.environ.update(told["environ"])
    settings.cache_clear()
    _count(told["dies_at"], writes)
    try:
        VERBS[told["verb"]](**told["with"])
    except BaseException:
        traceback.print_exc()
        os._exit(1)
    os._exit(0)


def _count(dies_at: int, writes: int) -> None:
    done = 0

    def step(name: str) -> None:
        nonlocal done
        done += 1
        os.write(writes, f"{name}\n".encode())
        if done == dies_at:
            os.kill(os.getpid(), signal.SIGKILL)

    send = requests.adapters.HTTPAdapter.send

    def counted(self: Any, request: requests.PreparedRequest, **more: Any) -> requests.Response:
        place = f"{request.method} {request.path_url.partition('?')[0]}"
        step(f"before {place}")
        answer = send(self, request, **more)
        step(f"after {place}")
        return answer

    requests.adapters.HTTPAdapter.send = counted  # type: ignore[method-assign]
    execute = psycopg.Connection.execute

    def stored(self: Any, *statement: Any, **more: Any) -> Any:
        if not self.autocommit:
            return execute(self, *statement, **more)
        step("before a statement that stands alone")
        found = execute(self, *statement, **more)
        step("after a statement that stands alone")
        return found

    psycopg.Connection.execute = stored  # type: ignore[method-assign]
    event.listen(Session, "before_commit", lambda session: step("before commit"))
    event.listen(Session, "after_commit", lambda session: step("after commit"))


# -- seen from the tests -------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Life:
    """What became of one: whether it was killed, and the steps it took."""

    killed: bool
    steps: list[str]

    def __str__(self) -> str:
        return (
            f"{'died at' if self.killed else 'lived until'} {len(self.steps)}: {', '.join(self.steps[-3:])}"
        )


@dataclass
class Mortal:
    """The process that is forked."""

    process: subprocess.Popen[str]
    owner: psycopg.Connection[Any]

    def lives(self, dies_at: int, verb: Callable[..., None], **given: Any) -> Life:
        """Do it, and die at that step; returns when the server has noticed."""
        assert self.process.stdin and self.process.stdout
        names = ("STRIPE_API_URL", "GOCARDLESS_API_URL")
        told = {
            "dies_at": dies_at,
            "verb": verb.__name__,
            "with": given,
            "environ": {
                "PGAPPNAME": _NAME,
                **{name: os.environ[name] for name in names if name in os.environ},
            },
        }
        self.process.stdin.write(json.dumps(told) + "\n")
        self.process.stdin.flush()
        became = json.loads(self.process.stdout.readline())
        assert not became["failed"], became["steps"]
        query = "SELECT count(*) FROM pg_stat_activity WHERE application_name = %s"
        while self.owner.execute(query, [_NAME]).fetchone() != (0,):
            pass
        return Life(became["killed"], became["steps"])


@contextmanager
def mortal() -> Iterator[Mortal]:
    address = db.owner_url().set(drivername="postgresql").render_as_string(hide_password=False)
    with (
        psycopg.connect(address, autocommit=True) as owner,
        subprocess.Popen(
            [sys.executable, "-c", _CODE],
            cwd=ROOT,
            env={**os.environ, "PYTHONPATH": str(ROOT)},
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        ) as process,
    ):
        yield Mortal(process, owner)
        assert process.stdin
        process.stdin.close()
