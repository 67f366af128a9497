"""Refusals: every "no" has a stable code, a sentence a person can act on, and the field it is about.

A sentence is an English message id with named parameters; screens and mails translate it
(`shared.i18n`), the command line prints it as it is.
"""

from __future__ import annotations

from typing import Any


class DomainError(Exception):
    """A refusal that changes nothing. `code` serves the API and the tests, `sentence` the person."""

    code = "refused"
    sentence = "This is not possible."

    def __init__(self, sentence: str | None = None, /, *, field: str | None = None, **params: Any) -> None:
        self.sentence = sentence or type(self).sentence
        self.field = field
        self.params = params
        super().__init__(self.sentence % params if params else self.sentence)


class NotAllowed(DomainError):
    code = "not_allowed"
    sentence = "Your role does not allow this."


class NotFound(DomainError):
    """Also the answer for what exists but belongs to somebody else: its existence is not revealed."""

    code = "not_found"
    sentence = "There is nothing here, or it is not yours to see."


class Conflict(DomainError):
    code = "conflict"
    sentence = "Somebody changed this meanwhile. Look at it again before you go on."


class TooManyRequests(DomainError):
    code = "too_many_requests"
    sentence = "Too many attempts. Wait a few minutes and try again."


class ConfigurationError(DomainError):
    code = "configuration"


class RefusedFile(DomainError):
    """A file that cannot be taken: says where (`line`, `column`, from 1) and what was expected there."""

    code = "refused_file"

    def __init__(
        self,
        sentence: str,
        /,
        *,
        file: str | None = None,
        line: int | None = None,
        column: str | int | None = None,
        **params: Any,
    ) -> None:
        super().__init__(sentence, **params)
        self.file, self.line, self.column = file, line, column

    def __str__(self) -> str:
        place = [str(self.file)] if self.file else []
        if self.line is not None:
            place.append(f"line {self.line}")
        if self.column is not None:
            place.append(f"column {self.column}")
        told = self.sentence % self.params if self.params else self.sentence
        return f"{', '.join(place)}: {told}" if place else told
