"""The pipeline: a script per stage of dvc.yaml, run as `python -m stages.<name>`, nothing else.

What they share is the library `asteroid_taxonomy`. A stage that starts first sees who started it
and pins what the bytes of a run rest on, before it loads NumPy.
"""

import sys
from importlib.abc import Loader, MetaPathFinder
from importlib.machinery import ModuleSpec
from types import ModuleType

from asteroid_taxonomy.parent import begin

FRAMES = ("crossmatch", "crossvalidate", "figures", "classify", "report")  # these use pandas


class WithoutPandas(MetaPathFinder, Loader):
    """Arrow and scikit-learn load pandas where there is one: a seventh of a short stage's time."""

    def find_spec(self, fullname: str, path: object, target: object = None) -> ModuleSpec | None:
        """Say of pandas alone that it is loaded here."""
        return ModuleSpec(fullname, self) if fullname == "pandas" else None

    def create_module(self, spec: ModuleSpec) -> ModuleType:
        """Raise ImportError, as where it is not installed."""
        raise ModuleNotFoundError("FRAMES in stages/__init__.py does not name this stage",
                                  name="pandas")


if sys.argv[0] == "-m":  # not where a test imports a stage
    begin()
    if not any(word.endswith(f"stages.{name}")  # also `python -mstages.report`
               for word in sys.orig_argv for name in FRAMES):
        sys.meta_path.insert(0, WithoutPandas())

from asteroid_taxonomy.determinism import pin  # noqa: E402  (a Ctrl-C from here on is quiet)

pin()
