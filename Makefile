# All targets use one virtual environment, .venv, and install what they need there.
# `make test ARGS="-k resnet -x"` passes arguments to pytest, `make bench ARGS=inference` measures one section;
# `make PYTHON=python3.12 test` chooses the interpreter.

PYTHON ?= python3
ARGS ?=
WORKERS ?= 2

VENV := .venv
BIN := $(VENV)/bin
INSTALL = $(BIN)/python -m pip install --quiet --quiet --disable-pip-version-check --constraint constraints.txt

.DEFAULT_GOAL := help
.NOTPARALLEL:
.PHONY: help demo test test-slow test-all lint format bench clean

help: ## this list
	@sed -n 's/^\([a-z-]*\):.*## /\1|/p' $(firstword $(MAKEFILE_LIST)) | while IFS='|' read -r name text; do printf '  make %-10s %s\n' "$$name" "$$text"; done

demo: $(VENV)/.demo ## compile DenseNet-169 from its description and run it on a photograph
	$(BIN)/archspec build specs/densenet169.yaml
	@$(BIN)/python examples/demo.py

# One torch thread for each worker, so that the workers do not compete for cores; compiled files are kept, for processes that tests start.
PYTEST := OMP_NUM_THREADS=1 PYTHONDONTWRITEBYTECODE= $(BIN)/python -m pytest -n $(WORKERS) --dist worksteal

test: $(VENV)/.test ## run the tests, but for those that are marked slow: a few minutes
	$(PYTEST) -m "not slow" $(ARGS)

test-slow: $(VENV)/.test ## run the tests that are marked slow: all kinds of networks, full size
	$(PYTEST) -m "slow and not exhaustive" $(ARGS)

test-all: $(VENV)/.test ## run all tests, with every variant of a network and all outputs of the ledger: hours
	$(PYTEST) $(ARGS)

lint: $(VENV)/.lint ## style, types, and the import layers of the package
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy
	$(BIN)/lint-imports

format: $(VENV)/.lint ## rewrite the code in the one format
	$(BIN)/ruff check --fix .
	$(BIN)/ruff format .

bench: $(VENV)/.bench ## measure archspec against its peers, and write docs/benchmarks.md
	$(BIN)/python -m benchmarks $(ARGS)

clean: ## remove the virtual environment and all caches
	rm -rf $(VENV) build dist .pytest_cache .mypy_cache .ruff_cache .hypothesis .benchmarks .import_linter_cache

# torch first and alone, so that packages that depend on it use this build instead of choosing one.
$(VENV)/.torch: constraints.txt
	@$(PYTHON) -c 'import sys; sys.exit("archspec needs Python 3.11 or newer, this is %d.%d: make PYTHON=python3.11 ..." % sys.version_info[:2] if sys.version_info < (3, 11) else 0)'
	@echo "making $(VENV); the first time, this takes a few minutes"
	@$(PYTHON) -m venv $(VENV)
	@$(INSTALL) torch
	@touch $@

$(VENV)/.demo: $(VENV)/.torch pyproject.toml
	@$(INSTALL) --editable '.[demo]'
	@touch $@

$(VENV)/.test: $(VENV)/.demo
	@$(INSTALL) --editable '.[test]'
	@touch $@

$(VENV)/.lint: $(VENV)/.bench
	@$(INSTALL) --editable '.[lint]'
	@touch $@

$(VENV)/.bench: $(VENV)/.test
	@$(INSTALL) --editable '.[bench]'
	@touch $@
