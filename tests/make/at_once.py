"""Verbs that meet: each in a thread of its own, all from one start."""

from __future__ import annotations

import threading
from collections.abc import Callable

from shared.errors import DomainError


def at_once(*verbs: Callable[[], object]) -> list[object]:
    """Gives what they answered or how they were refused; anything but a sentence fails the test."""
    start = threading.Barrier(len(verbs))
    answers: list[object] = [None] * len(verbs)

    def one(place: int, verb: Callable[[], object]) -> None:
        start.wait()
        try:
            answers[place] = verb()
        except Exception as error:
            answers[place] = error

    threads = [threading.Thread(target=one, args=pair) for pair in enumerate(verbs)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(60)
        assert not thread.is_alive(), "it waits for ever"
    for answer in answers:
        assert not isinstance(answer, Exception) or isinstance(answer, DomainError), repr(answer)
    return answers


def refused(answers: list[object]) -> int:
    return sum(isinstance(answer, DomainError) for answer in answers)
