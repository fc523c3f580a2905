# Two targets do everything: `make demo` and `make test`. README.md gives both without make.
PYTHON ?= python3
VENV ?= .venv
BIN := $(VENV)/bin

.PHONY: demo test lint compare lock audit

demo: $(VENV)/installed
	$(BIN)/python -m asteroid_taxonomy demo

# by a worker more than there are cores; expensive fixtures are made once, for all of them
test: $(VENV)/installed
	$(BIN)/python -m pytest -n logical --maxprocesses 4 --dist worksteal $(PYTEST)

lint: $(VENV)/installed
	$(BIN)/ruff check .
	$(BIN)/mypy
	$(BIN)/mypy --platform win32

# The experiments of this commit by what matters: held-out figures, which each has of its own, and
# cross-validated ones, which one that stopped at evaluate has from the commit it came from
WHAT_MATTERS := ^Experiment$$|^(reports/evaluate.json:)?(accuracy|log_loss)$$
WHAT_MATTERS := $(WHAT_MATTERS)|^(reports/metrics.json:)?cv_(accuracy|balanced_accuracy|log_loss)$$
compare: $(VENV)/installed
	$(BIN)/python -m dvc exp show --no-pager --md --drop '.*' --keep '$(WHAT_MATTERS)'

# Asks an index of known vulnerabilities, over the network. Accepted: diskcache reads pickles from
# DVC's site cache. No release mends it and DVC cannot do without; an attacker needs to write to that
# folder, which docs/team.md makes private, and check-cache checks
ACCEPTED := --ignore-vuln CVE-2025-69872
audit: $(VENV)/installed
	$(BIN)/python -m pip install --quiet pip-audit==2.10.1
	$(BIN)/pip-audit --requirement requirements.lock --disable-pip --require-hashes --strict \
	    $(ACCEPTED)

# Pins what pyproject.toml asks for, for every platform and Python it allows, with the hashes of
# what may be installed; no URLs.
# `make lock UPGRADE=` keeps the versions that are there and adds what is missing
UPGRADE ?= --upgrade
lock:
	$(PYTHON) -m pip install --quiet uv==0.13.9
	$(PYTHON) -m uv pip compile pyproject.toml --universal --all-extras --no-emit-index-url \
	    --no-emit-find-links --generate-hashes $(UPGRADE) --quiet --output-file requirements.lock

$(VENV)/installed: requirements.lock
	$(PYTHON) -m venv $(VENV)
	$(BIN)/python -m pip install --quiet --require-hashes --requirement requirements.lock
	$(BIN)/python -m pip install --quiet --no-deps --editable .
	touch $@
