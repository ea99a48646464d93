# Everything that a newcomer types. `make` alone explains itself.
SHELL := bash
.SHELLFLAGS := -euo pipefail -c
.DEFAULT_GOAL := help
.SILENT:
.PHONY: help run test test-long manifests-check lint types format proto lock verify clean

PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
# Tests wait a lot, so two processes share them, each file in one of them; each has stores and services of its own.
WORKERS ?= 2
TOGETHER := --numprocesses=$(WORKERS) --dist=loadfile --no-loadscope-reorder
# What `python -m venv` and pip put into a new environment must not depend on what happens to be set outside.
export PIP_DISABLE_PIP_VERSION_CHECK := 1

help: ## Show this help
	awk 'BEGIN {FS = ":.*## "} /^[a-z-]+:.*## / {printf "  make %-16s %s\n", $$1, $$2}' $(MAKEFILE_LIST)

run: $(VENV)/.runtime ## Start everything on this machine, with a demo; stop with Ctrl-C
	exec $(BIN)/tallystick up

test: $(VENV)/.dev $(VENV)/.node $(VENV)/.checkov ## Run the tests (under 10 minutes; TESTS='-k name' narrows)
	exec $(BIN)/pytest $(TOGETHER) $(TESTS)

test-long: $(VENV)/.dev $(VENV)/.node ## Run what takes longer: all seeds, fail-overs, rolling restarts
	exec $(BIN)/pytest $(TOGETHER) --long -m long $(TESTS)

manifests-check: $(VENV)/.dev $(VENV)/.checkov ## Check the Kubernetes manifests, as `make test` does too
	exec $(BIN)/pytest tests/deploy/test_manifests_*.py $(TESTS)

lint: $(VENV)/.dev ## Check style, import contracts, protos and file hygiene
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/lint-imports
	$(BIN)/buf lint
	$(BIN)/buf format --diff --exit-code

types: $(VENV)/.dev ## Check types
	$(BIN)/mypy

format: $(VENV)/.dev ## Format code and protos
	$(BIN)/ruff check --fix-only --quiet .
	$(BIN)/ruff format .
	$(BIN)/buf format --write

proto: $(VENV)/.stubs ## Write the stubs anew from proto/
	requirements/generate-stubs

lock: $(VENV)/.dev ## Write the lock files anew, with the newest versions
	requirements/lock

verify: $(VENV)/.stubs ## Check that the stubs are what proto/ says
	requirements/generate-stubs --check

clean: ## Remove what was built and all data of `make run`
	rm -rf $(VENV) .tallystick build dist .mypy_cache .ruff_cache .pytest_cache .hypothesis .import_linter_cache
	find . -name __pycache__ -type d -prune -exec rm -rf {} +

# Two stamps in one environment: running needs less than developing, and developing includes all of it.
$(VENV)/.venv:
	$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11) and "Tallystick needs Python 3.11 or later; set PYTHON=…")'
	$(PYTHON) -m venv $(VENV)
	touch $@

$(VENV)/.runtime: $(VENV)/.venv requirements/runtime.txt pyproject.toml
	if [ ! -e $(VENV)/.dev ]; then requirements/install $(VENV) requirements/runtime.txt; fi
	touch $@

$(VENV)/.dev: $(VENV)/.venv requirements/dev.txt pyproject.toml
	requirements/install $(VENV) requirements/dev.txt
	touch $@

# Clients written in JavaScript, for tests/interop; where npm has no registry their tests are left out and named.
$(VENV)/.node: $(VENV)/.dev tests/interop/node/package-lock.json
	if $(BIN)/npm ci --prefix tests/interop/node --no-audit --no-fund --loglevel=error; then touch $@; fi

# What checks manifests wants older versions of what we need, so it has an environment of its own.
$(VENV)/.checkov: $(VENV)/.dev requirements/checkov.txt
	$(PYTHON) -m venv $(VENV)/checkov
	if $(VENV)/checkov/bin/pip install --quiet --require-hashes -r requirements/checkov.txt; then touch $@; fi

$(VENV)/.stubs: $(VENV)/.dev requirements/stubs.txt
	$(PYTHON) -m venv $(VENV)/stubs
	$(VENV)/stubs/bin/pip install --quiet --require-hashes -r requirements/stubs.txt
	touch $@
