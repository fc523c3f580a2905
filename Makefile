# Two targets do everything: `make demo` and `make test`. README.md gives both without make.
PYTHON ?= python3
VENV ?= .venv
BIN := $(VENV)/bin

.PHONY: demo test lint lock audit

demo: $(VENV)/installed
	$(BIN)/python -m stages.demo

test: $(VENV)/installed
	$(BIN)/python -m pytest

lint: $(VENV)/installed
	$(BIN)/ruff check .
	$(BIN)/mypy
	$(BIN)/mypy --platform win32

# Asks an index of known vulnerabilities, over the network
audit: $(VENV)/installed
	$(BIN)/python -m pip install --quiet pip-audit
	$(BIN)/pip-audit --requirement requirements.lock --disable-pip --no-deps --strict

# Pins what pyproject.toml asks for, for every platform and Python it allows; no URLs.
# `make lock UPGRADE=` keeps the versions that are there and adds what is missing
UPGRADE ?= --upgrade
lock:
	$(PYTHON) -m pip install --quiet uv
	$(PYTHON) -m uv pip compile pyproject.toml --universal --all-extras --no-emit-index-url \
	    --no-emit-find-links $(UPGRADE) --quiet --output-file requirements.lock

$(VENV)/installed: requirements.lock
	$(PYTHON) -m venv $(VENV)
	$(BIN)/python -m pip install --quiet --requirement requirements.lock
	touch $@
