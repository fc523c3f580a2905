"""The pipeline: a script per stage of dvc.yaml, run as `python -m stages.<name>`, nothing else.

What they share is the library `asteroid_taxonomy`. Importing this package pins what the bytes of
a run rest on, before any stage loads NumPy.
"""

from asteroid_taxonomy.determinism import pin

pin()
