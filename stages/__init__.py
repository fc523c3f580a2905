"""The stages of dvc.yaml, one script each, run as `python -m stages.<name>`."""

import signal
import sys

from asteroid_taxonomy.console import set_environment

if "numpy" not in sys.modules:  # not where a test imports a stage
    set_environment()
    signal.signal(signal.SIGINT, signal.SIG_DFL)  # no traceback of imports; console.run sets it
