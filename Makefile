# Two targets do everything: `make demo` and `make test`. CONTRIBUTING.md gives both without make.
PYTHON ?= python3
VENV ?= .venv
BIN := $(VENV)/bin

.PHONY: demo test lint audit lock

demo: $(VENV)/installed
	@$(BIN)/python -m asteroid_taxonomy demo

# one worker more than cores; expensive fixtures are made once, for all of them
test: $(VENV)/installed
	$(BIN)/python -m pytest -n logical --maxprocesses 4 --dist worksteal $(PYTEST)

lint: $(VENV)/installed
	$(BIN)/ruff check .
	$(BIN)/mypy
	$(BIN)/mypy --platform win32

# Queries an index of known vulnerabilities, over the network. Accepted: diskcache unpickles files of
# DVC's site cache. There is no fixed release; docs/team.md says how to make that folder private
ACCEPTED := --ignore-vuln CVE-2025-69872
audit: $(VENV)/installed
	$(BIN)/python -m pip install --quiet pip-audit==2.10.1
	$(BIN)/pip-audit --requirement requirements.lock --disable-pip --require-hashes --strict \
	    $(ACCEPTED)

# Pins the dependencies in pyproject.toml for every platform and Python that it allows, with hashes
# and without URLs. `make lock UPGRADE=` keeps the versions that are there and adds what is missing
UPGRADE ?= --upgrade
lock:
	$(PYTHON) -m pip install --quiet uv==0.13.9
	$(PYTHON) -m uv pip compile pyproject.toml --universal --all-extras --no-emit-index-url \
	    --no-emit-find-links --generate-hashes $(UPGRADE) --quiet --output-file requirements.lock

$(VENV)/installed: requirements.lock
	@echo "Installing the packages of requirements.lock into $(VENV): 450 MB, 1.8 GB on disk, a few"
	@echo "minutes; pip prints nothing until it is done. To classify spectra without the pipeline,"
	@echo "pip install . (150 MB) is enough."
	@$(PYTHON) -m venv $(VENV)
	@$(BIN)/python -m pip install --quiet --require-hashes --requirement requirements.lock
	@$(BIN)/python -m pip install --quiet --no-deps --editable .
	@touch $@
