"""The macros of the UI kit are fed by arguments only: no url_for, no current_user."""

import pytest
from jinja2 import Environment, meta, nodes

from tests.house_rules.files import files, named

MACROS = [path for path in files(".html") if path.parent.name == "ui"]
# The language's own words, not ours: they depend on no request.
BUILT_IN = {"_", "ngettext", "namespace", "range"}


# Ours (shared/web/language.py); like the words above they need nothing but their argument.
FILTERS = ("money", "amount", "day", "instant", "number", "translated")


def parsed(path):
    environment = Environment(extensions=["jinja2.ext.i18n"])
    environment.filters.update(dict.fromkeys(FILTERS, str))
    return environment.parse(path.read_text("utf-8"))


@pytest.mark.parametrize("path", MACROS, ids=named)
def test_what_a_macro_shows_its_caller_gave_it(path):
    assert meta.find_undeclared_variables(parsed(path)) <= BUILT_IN


@pytest.mark.parametrize("path", MACROS, ids=named)
def test_a_macro_file_prints_nothing_by_itself(path):
    shown = [n for n in parsed(path).body if isinstance(n, nodes.Output)]
    text = "".join(t.data if isinstance(t, nodes.TemplateData) else "?" for out in shown for t in out.nodes)
    assert not text.strip()


def test_there_are_macros():
    assert len(MACROS) >= 8
