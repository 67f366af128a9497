"""The benches by name, as `quittance bench NAME` runs them: each is a module with `run(scale)`.

`scale` 1 is the size that is promised; a smaller one is quicker.
"""

from __future__ import annotations

from types import ModuleType

from shared.bench import statements

BENCHES: dict[str, ModuleType] = {"camt-import": statements}
