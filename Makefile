# Everything a person types. `make` alone lists the targets.
# Needs GNU make, and Python 3.11 or later with its venv module; PYTHON=... names another interpreter.

PYTHON ?= python3
ARGS ?=
JOBS ?= 3
UV_VERSION := 0.13.9

VENV := .venv
BIN := $(VENV)/bin
PIP := $(BIN)/python -m pip --disable-pip-version-check --quiet
PYTEST := $(BIN)/python -m pytest

.DEFAULT_GOAL := help
.DELETE_ON_ERROR:
.PHONY: help setup demo programs test test-long check format docs bench lock clean

help: ## list the targets
	@awk -F ':.*## ' '/^[a-z-]+:.*## / { printf "  make %-10s %s\n", $$1, $$2 }' $(MAKEFILE_LIST)

setup: $(VENV)/.test ## make .venv with everything the tests and checks need

demo: $(VENV)/.sandbox ## start everything on this machine (ARGS="--port 9000" and the like)
	@$(BIN)/consentry demo $(ARGS)

# The programs of the system that tests drive (.ci/programs lists them), and a Chromium from wherever there is one.
programs: $(VENV)/.test
	@PYTHON=$(PYTHON) .ci/programs
	@$(BIN)/python -m tests.browser.chromium --install >/dev/null

# Tests that measure, or need the machine to themselves, come first, one after the other.
test: programs ## set up and run every test, quick tier
	@rm -rf build/screenshots
	@VENV=$(VENV) .ci/pytest -m "serial and not long" $(ARGS)
	@VENV=$(VENV) .ci/pytest -n $(JOBS) --dist loadfile -m "not serial and not long" $(ARGS)

test-long: programs ## repeat faults, races and fuzzing, about an hour
	CONSENTRY_TEST_TIER=long $(PYTEST) -m "long or serial" -o faulthandler_timeout=1800 $(ARGS)

check: $(VENV)/.test ## format, lint, types, imports, sizes, secrets, locks, docs
	$(BIN)/ruff format --check .
	$(BIN)/ruff check .
	$(BIN)/mypy
	$(BIN)/lint-imports --no-cache
	$(BIN)/python -m checks

format: $(VENV)/.test ## rewrite the code in the one format
	$(BIN)/ruff format .
	$(BIN)/ruff check --fix .

docs: $(VENV)/.test ## check every link and example of the documents
	$(BIN)/python -m checks docs

bench: $(VENV)/.test ## load runs against the product and its peers
	$(BIN)/python -m bench $(ARGS)

lock: build/lock/.ready ## write requirements/*.txt anew from pyproject.toml (ARGS=--upgrade for newer versions)
	checks/lock build/lock/bin/uv $(ARGS)

clean: ## remove .venv, build and caches; var, with the data, stays
	rm -rf $(VENV) build .mypy_cache .ruff_cache .pytest_cache .hypothesis .import_linter_cache
	find src tests checks bench -name __pycache__ -type d -prune -exec rm -rf {} + 2>/dev/null || true

# --- setting up -------------------------------------------------------------------------------------------------

define REQUIRE_PYTHON
	@command -v $(PYTHON) >/dev/null || { \
	  echo "$(PYTHON) is missing. On Debian or Ubuntu: apt-get install python3 python3-venv" >&2; exit 1; }
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' || { \
	  echo "$$($(PYTHON) --version) is too old: consentry needs Python 3.11 or later. Name a newer one: make PYTHON=python3.12 ..." >&2; exit 1; }
	@$(PYTHON) -c 'import ensurepip, venv' 2>/dev/null || { \
	  echo "Python's venv module is missing. On Debian or Ubuntu: apt-get install python3-venv" >&2; exit 1; }
endef

$(VENV)/.created:
	$(REQUIRE_PYTHON)
	@echo "Making a virtual environment in $(VENV)"
	@$(PYTHON) -m venv $(VENV)
	@touch $@

$(VENV)/.runtime: $(VENV)/.created requirements/build.txt requirements/runtime.txt pyproject.toml
	@echo "Installing the locked packages that consentry runs on"
	@$(PIP) install --require-hashes -r requirements/build.txt
	@$(PIP) install --require-hashes -r requirements/runtime.txt
	@$(PIP) install --no-deps --no-build-isolation -e .
	@touch $@

$(VENV)/.sandbox: $(VENV)/.runtime requirements/sandbox.txt
	@echo "Installing the locked packages of the sandbox"
	@$(PIP) install --require-hashes -r requirements/sandbox.txt
	@touch $@

$(VENV)/.test: $(VENV)/.sandbox requirements/test.txt
	@echo "Installing the locked packages of tests and checks"
	@$(PIP) install --require-hashes -r requirements/test.txt
	@touch $@

build/lock/.ready: Makefile
	$(REQUIRE_PYTHON)
	@$(PYTHON) -m venv build/lock
	@build/lock/bin/python -m pip --disable-pip-version-check --quiet install uv==$(UV_VERSION)
	@touch $@
