"""The page and the model card: charts, their data, search index, network, templates, scripts."""

import sys
from importlib.machinery import SourceFileLoader
from types import CodeType


def _with_docstrings(loader: SourceFileLoader, name: str) -> CodeType:
    path = loader.get_filename(name)
    code: CodeType = compile(loader.get_data(path), path, "exec", dont_inherit=True, optimize=0)
    return code


if sys.flags.optimize > 1:
    # Altair makes functions out of docstrings and cannot be imported under python -OO
    # (PYTHONOPTIMIZE=2), which leaves them out
    from unittest import mock

    with mock.patch.object(SourceFileLoader, "get_code", _with_docstrings):
        import altair  # noqa: F401
