"""Names as they are searched and compared."""

from __future__ import annotations

import re
import unicodedata

_NOT_A_WORD = re.compile(r"[^0-9a-z]+")


def search_key(text: str) -> str:
    """A name as it is searched: no accents, no capitals, words apart by one blank. PostgreSQL's own collations
    are not asked: they differ from one server to the next.

    >>> search_key("Établissements Lefèvre & Fils")
    'etablissements lefevre fils'
    """
    plain = unicodedata.normalize("NFKD", text.casefold()).replace("œ", "oe").replace("æ", "ae")
    return _NOT_A_WORD.sub(" ", plain.encode("ascii", "ignore").decode()).strip()
