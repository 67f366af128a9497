"""French is complete: every sentence is translated, none is fuzzy, none is left over, and its typography is French."""

import re

import pytest
from babel.messages.pofile import read_po

from tests.house_rules.files import files, named
from tests.house_rules.messages import all_messages, every_text

FRENCH = [path for path in files(".po") if path.name == "fr.po"]
PARAMETER = re.compile(r"%\((\w+)\)[sd]")


def entries(path):
    with path.open("rb") as source:
        return [entry for entry in read_po(source, locale="fr") if entry.id]


def ids(entry):
    return entry.id if isinstance(entry.id, tuple) else (entry.id,)


def strings(entry):
    return entry.string if isinstance(entry.string, tuple) else (entry.string,)


def test_every_sentence_is_translated():
    translated = {
        text for path in FRENCH for entry in entries(path) if all(strings(entry)) for text in ids(entry)
    }
    missing = {text: place for text, place in all_messages().items() if text not in translated}
    assert not missing, "\n".join(f"{place}: {text}" for text, place in missing.items())


@pytest.mark.parametrize("path", FRENCH, ids=named)
def test_no_translation_is_fuzzy_empty_or_left_over(path):
    used = every_text()
    wrong = [
        e.id for e in entries(path) if e.fuzzy or not all(strings(e)) or not any(i in used for i in ids(e))
    ]
    assert not wrong


@pytest.mark.parametrize("path", FRENCH, ids=named)
def test_translations_keep_the_parameters(path):
    for entry in entries(path):
        wanted = {name for text in ids(entry) for name in PARAMETER.findall(text)}
        for text in strings(entry):
            # A singular may leave the number out: “une facture”.
            assert set(PARAMETER.findall(text)) <= wanted | {"num", "count"}, entry.id
        assert wanted - {"num", "count"} <= set(PARAMETER.findall(strings(entry)[-1])), entry.id


@pytest.mark.parametrize("path", FRENCH, ids=named)
def test_french_typography(path):
    for entry in entries(path):
        for text in strings(entry):
            assert "'" not in text, f"’ and not ' in: {text}"
            assert not re.search(r" [:;?!»]|« ", text), f"a no-break space is wanted in: {text}"
            assert not re.search(r"\w[;?!»]|«\w", text), f"a no-break space is missing in: {text}"


def test_no_message_is_translated_twice():
    seen = {}
    for path in FRENCH:
        for entry in entries(path):
            assert seen.setdefault(entry.id, strings(entry)) == strings(entry), f"{named(path)}: {entry.id}"
