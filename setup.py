"""Build in a folder that goes away; all else is in pyproject.toml.

A build/ that stays keeps the modules of earlier versions, and the next wheel would have them.
"""

from tempfile import TemporaryDirectory

from setuptools import setup

folder = TemporaryDirectory()
setup(options={"build": {"build_base": folder.name}, "egg_info": {"egg_base": folder.name}})
