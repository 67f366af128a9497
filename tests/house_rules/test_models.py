"""Each program stands alone: a table that a model refers to is known wherever the model is, in whatever process."""

import subprocess
import sys

import pytest

from tests.house_rules.files import ROOT, files, named

MODELS = [named(p)[:-3].replace("/", ".") for p in files(".py") if p.name == "models.py"]
PROGRAMS = ["portal.app", "backoffice.app", "shared.cli.app", "shared.jobs.worker"]
SORT = "import {}; from shared.db import Base; from sqlalchemy.orm import configure_mappers; "
SORT += "configure_mappers(); list(Base.metadata.sorted_tables)"


@pytest.mark.parametrize("module", [*MODELS, *PROGRAMS])
def test_it_knows_every_table_it_refers_to(module):
    # A process of its own: here, other tests have imported everything.
    done = subprocess.run(
        [sys.executable, "-W", "error", "-c", SORT.format(module)], cwd=ROOT, capture_output=True, text=True
    )
    assert done.returncode == 0, done.stderr[-600:]
