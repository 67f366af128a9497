"""Documents as files: read from the folder an import came from, and never from anywhere else."""

from __future__ import annotations

import os
import stat
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from shared.errors import DomainError
from shared.i18n import N_

PDF = "application/pdf"
MAX_MEGABYTES = 25


@dataclass(frozen=True, slots=True)
class File:
    """A document's bytes, its name for people, and what it is."""

    name: str
    media_type: str
    content: bytes


# Gives the document of a name, or refuses with a sentence.
FindDocument = Callable[[str], File]


def in_folder(folder: Path) -> FindDocument:
    """Documents beside a file: PDFs of at most 25 MB inside `folder`, no link leading out of it."""
    inside = folder.resolve()

    def find(name: str) -> File:
        path = (inside / name).resolve()
        if not path.is_relative_to(inside):
            raise DomainError(N_("“%(value)s” leads out of the folder of this file."), value=name[:60])
        try:
            # The path is resolved: a link put there since is not followed, and a pipe is not waited for.
            descriptor = os.open(path, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK)
        except OSError:
            told = N_("There is no document “%(value)s” beside this file.")
            raise DomainError(told, value=name[:60]) from None
        with os.fdopen(descriptor, "rb") as source:
            status = os.fstat(descriptor)
            if not stat.S_ISREG(status.st_mode):
                raise DomainError(N_("“%(value)s” is not a file."), value=name[:60])
            if status.st_size > MAX_MEGABYTES * 1024**2:
                told = N_("The document “%(value)s” is larger than %(limit)s MB.")
                raise DomainError(told, value=name[:60], limit=MAX_MEGABYTES)
            content = source.read(MAX_MEGABYTES * 1024**2 + 1)
        if b"%PDF-" not in content[:1024]:
            raise DomainError(N_("“%(value)s” is not a PDF."), value=name[:60])
        return File(path.name, PDF, content)

    return find


def only(file: File) -> FindDocument:
    """The one document an electronic invoice is."""
    return lambda name: file
