# What a visitor types: `make demo`, `make test`. What a contributor types: `make lint`, `make docs`, `make bench`.
# Needs python3.11 (or newer) with its venv module, and make. Everything else goes into .venv, by hash.

PY ?= python3
VENV := .venv
BIN := $(VENV)/bin
PIP := $(BIN)/python -m pip --disable-pip-version-check --quiet
BUILT := $(VENV)/.made
RUN := $(VENV)/.installed-run
DEV := $(VENV)/.installed-dev
ROOMS := contracts services tests docs
TESTS ?=
CAMPAIGN ?=
WORKERS ?= auto

.DEFAULT_GOAL := help
.DELETE_ON_ERROR:
.PHONY: help demo demo-witnesses test lint docs bench campaign install lock clean

help: ## say what there is
	@sed -n 's/^\([a-z-]*\):.*## \(.*\)/make \1\t\2/p' Makefile

demo: $(RUN) ## one referral through all six steps, and a bundle that verifies offline
	$(BIN)/referral demo --dir build/demo

demo-witnesses: $(RUN) ## five notaries that witness each other, of which two are killed
	$(BIN)/referral demo-witnesses --dir build/demo-witnesses

test: $(DEV) ## the whole suite; prints why anything was skipped
	$(BIN)/python -m pytest -n $(WORKERS) --maxprocesses 8 --dist loadgroup $(TESTS)

lint: $(DEV) ## ruff, mypy strict, import rules
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy $(ROOMS)
	$(BIN)/lint-imports --no-cache --no-logo

docs: $(DEV) ## the generated pages, then the site in build/site
	$(BIN)/python docs/generate.py
	$(BIN)/zensical build --clean --strict

bench: $(DEV) ## the benchmarks; writes docs/benchmarks
	$(BIN)/python tests/benchmarks

campaign: $(DEV) ## the long tests, for hours; CAMPAIGN="--budget 30 --only F1" for less; writes docs/campaigns
	$(BIN)/python tests/campaign $(CAMPAIGN)

install: $(DEV) ## .venv with everything

lock: $(DEV) ## renew requirements/*.lock after pyproject.toml changed
	$(PIP) install uv
	echo 'hatchling>=1.27' | $(BIN)/uv pip compile --quiet --generate-hashes --no-header --no-annotate -o requirements/build.lock -
	$(BIN)/uv pip compile --quiet --generate-hashes --no-header --no-annotate pyproject.toml -o requirements/run.lock
	$(BIN)/uv pip compile --quiet --generate-hashes --no-header --no-annotate pyproject.toml --group dev \
		-c requirements/run.lock -o requirements/dev.lock

clean: ## remove what was made, .venv too
	rm -rf $(VENV) build dist .mypy_cache .ruff_cache .pytest_cache .hypothesis .import_linter_cache

$(BUILT):
	@$(PY) -c 'import sys; sys.exit(sys.version_info < (3, 11))' || \
		{ echo "Landfall needs Python 3.11 or newer: make PY=python3.11 ..." >&2; exit 1; }
	@$(PY) -m venv $(VENV) || \
		{ echo "This Python cannot make a virtual environment; on Debian: apt-get install python3-venv" >&2; exit 1; }
	@touch $@

# Hashed files cannot be mixed with `-e .`, hence two calls; the build tools come by hash too, so nothing is fetched unnamed.
$(RUN): $(BUILT) requirements/build.lock requirements/run.lock pyproject.toml
	@echo "installing into $(VENV) ..."
	@$(PIP) install --require-hashes -r requirements/build.lock -r requirements/run.lock
	@$(PIP) install --no-build-isolation --no-deps -e .
	@touch $@

$(DEV): $(RUN) requirements/dev.lock
	@echo "installing the tools for tests and documents ..."
	@$(PIP) install --require-hashes -r requirements/dev.lock
	@touch $@
