"""Run the web apps and the worker as programs of their own, and stop them together."""

from __future__ import annotations

import shutil
import signal
import subprocess
import sys
import time
import urllib.request
from collections.abc import Callable, Sequence
from dataclasses import dataclass

from shared.errors import DomainError

# granian, measured on two cores with 64 connections: threads hide the database's round trips, and a bounded queue
# answers 503 instead of letting everybody wait.
_GRANIAN = [
    "--interface",
    "wsgi",
    "--blocking-threads",
    "8",
    "--backpressure",
    "64",
    "--no-access-log",
    "--log-level",
    "error",
]


@dataclass(frozen=True, slots=True)
class Program:
    name: str
    command: Sequence[str]
    ready_url: str | None = None


def programs(what: str, host: str, port_portal: int, port_backoffice: int, processes: int) -> list[Program]:
    """What `serve` starts: one or both apps, and for `all` a worker."""
    chosen = []
    for app, port in (("portal", port_portal), ("backoffice", port_backoffice)):
        if what in (app, "all"):
            command = [sys.executable, "-m", "granian", *_GRANIAN, "--workers", str(processes)]
            command += ["--host", host, "--port", str(port), f"{app}.wsgi:app"]
            chosen.append(Program(app, command, f"http://{host}:{port}/readyz"))
    if what == "all":
        chosen.append(Program("worker", [sys.executable, "-m", "shared.cli", "worker"]))
    return chosen


def run(chosen: Sequence[Program], when_ready: Callable[[], None] = lambda: None) -> None:
    """Start the programs, say when they answer, and wait. Whatever ends, all end, in order."""
    running: list[tuple[Program, subprocess.Popen[bytes]]] = []
    stopping = False

    def stop(*_: object) -> None:
        nonlocal stopping
        stopping = True

    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, stop)
    try:
        for program in chosen:
            command = [*_dies_with_us(), *program.command]
            process = subprocess.Popen(command, start_new_session=True)
            running.append((program, process))
        for program, process in running:
            _wait_until_ready(program, process, lambda: stopping)
        if not stopping:
            when_ready()
        while not stopping:
            for program, process in running:
                if process.poll() is not None:
                    raise DomainError(
                        "%(name)s ended by itself; its last words stand above.", name=program.name
                    )
            time.sleep(0.2)
    finally:
        for _, process in running:
            if process.poll() is None:
                process.terminate()
        for _, process in running:
            try:
                process.wait(40)
            except subprocess.TimeoutExpired:
                process.kill()


def _wait_until_ready(
    program: Program, process: subprocess.Popen[bytes], stopped: Callable[[], bool]
) -> None:
    end = time.monotonic() + 60
    while program.ready_url and not stopped():
        try:
            with urllib.request.urlopen(program.ready_url, timeout=2) as reply:  # noqa: S310 - our own address
                if reply.status == 200:
                    return
        except OSError:
            pass
        if process.poll() is not None or time.monotonic() > end:
            raise DomainError(
                "%(name)s did not start: is its port taken? Choose another one, see --help.",
                name=program.name,
            )
        time.sleep(0.1)


def _dies_with_us() -> list[str]:
    """On Linux a program we started ends even when we are killed without a word."""
    if sys.platform != "linux" or not shutil.which("setpriv"):
        return []
    return ["setpriv", "--pdeathsig", "TERM"]
