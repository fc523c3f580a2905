"""The pipeline: a script per stage of dvc.yaml, run as `python -m stages.<name>`, nothing else.

What they share is the library `asteroid_taxonomy`. A stage that starts first sees who started it
and pins what the bytes of a run rest on, before it loads NumPy.
"""

import sys

from asteroid_taxonomy.parent import begin

if sys.argv[0] == "-m":  # not where a test imports a stage
    begin()

from asteroid_taxonomy.determinism import pin  # noqa: E402  (a Ctrl-C from here on is quiet)

pin()
