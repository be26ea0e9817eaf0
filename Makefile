# The commands of the house. Needs Python >= 3.11, make and a package index; nothing else is installed on the machine.
# DATABASE_URL (a PostgreSQL 18 database and its owner) makes every command use that server instead of the embedded one.

PYTHON ?= python3
ARGS ?=
ONLY ?=
BIN := .venv/bin
# Some machines forbid it; but there are many short programs here, and each would compile all of its modules again.
unexport PYTHONDONTWRITEBYTECODE
RESOLVED := --quiet --universal --generate-hashes --no-emit-index-url --no-emit-find-links

.DEFAULT_GOAL := help
.PHONY: help demo test nightly interop check serve worker bench lock sbom openapi openapi-lint clean

help: ## show this list
	@awk -F ':.*## ' '/^[a-z-]+:.*## / { printf "  make %-14s %s\n", $$1, $$2 }' $(MAKEFILE_LIST)

# Every package comes hash-checked: pip brings uv at the version of the lock, uv installs the lock. Where the index is known
# to pip alone (pip.conf), pip installs the same lock. The project itself needs no build: its folder is put on the path.
.venv/installed: requirements.lock
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11) and "Python 3.11 or newer is needed: make PYTHON=...")'
	$(PYTHON) -m venv .venv
	@awk '/^uv==/ { found = 1 } found { if (/^ *#/) exit; print }' requirements.lock > .venv/uv.lock
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --require-hashes -r .venv/uv.lock
	$(BIN)/uv pip sync --python $(BIN)/python --require-hashes requirements.lock \
	  || $(BIN)/python -m pip install --disable-pip-version-check --no-deps --require-hashes -r requirements.lock
	@$(BIN)/python -c 'import pathlib, sysconfig; \
	  pathlib.Path(sysconfig.get_path("purelib"), "eresidency.pth").write_text(str(pathlib.Path.cwd()) + "\n")'
	@printf '#!/bin/sh\nexec "$(CURDIR)/$(BIN)/python" -m app.cli "$$@"\n' > $(BIN)/eresidency
	@chmod +x $(BIN)/eresidency
	@touch $@

demo: .venv/installed ## live one e-resident's life on real processes; ARGS=--once stops them at the end
	@$(BIN)/python -m simulators.demo $(ARGS)

test: .venv/installed ## run the tests on PostgreSQL; ARGS="-k card" runs some
	@$(BIN)/python -m pytest -n 2 --dist loadfile --no-loadscope-reorder -m "not nightly" $(ARGS)

nightly: .venv/installed ## run the long tests: whole corpora, timings, the demo, every process killed, laws on many examples
	@$(BIN)/python -m pytest -m nightly $(ARGS)
	@$(BIN)/python -m pytest -m "hypothesis and not nightly" --hypothesis-profile=night $(ARGS) || [ $$? -eq 5 ]

# Each package by version and hash, from the registry that npm knows; none of them runs anything while it is installed.
tests/interop/node_modules/.package-lock.json: tests/interop/package-lock.json
	@command -v npm > /dev/null || { echo "interop needs Node 20 and npm; make test does without"; exit 1; }
	@node -e 'if (parseInt(process.versions.node) < 20) { console.error("interop needs Node 20 or newer"); process.exit(1) }'
	npm --prefix tests/interop ci --ignore-scripts --no-audit --no-fund --loglevel=error
	@touch $@

interop: .venv/installed tests/interop/node_modules/.package-lock.json ## let wallets and readers that are not ours use the house (needs Node); ARGS="life" runs some
	@$(BIN)/python -m tests.interop.run $(ARGS)

check: .venv/installed ## format, lint, types, import contracts, size budget, OpenAPI
	$(BIN)/ruff format --check .
	$(BIN)/ruff check .
	$(BIN)/mypy
	$(BIN)/lint-imports
	$(BIN)/python -m pytest -q tests/test_architecture.py tests/app/test_openapi.py
	$(BIN)/openapi-spec-validator docs/openapi.json

serve: .venv/installed ## run the API alone, in the foreground
	@$(BIN)/python -m app.alone serve $(ARGS)

worker: .venv/installed ## run the worker alone, in the foreground
	@$(BIN)/python -m app.alone worker $(ARGS)

bench: .venv/installed ## measure against peers, into build/bench.json; ONLY=wallet measures one group
	@$(BIN)/python -m bench.run $(ONLY)

lock: .venv/installed ## resolve both locks anew: all of it, and what production runs on
	$(BIN)/uv pip compile $(RESOLVED) --group demo --group dev pyproject.toml -o requirements.lock
	$(BIN)/uv pip compile $(RESOLVED) --constraint requirements.lock pyproject.toml -o requirements.run.lock

# What production runs on, each package by version and hash; the index it came from is left out.
SBOM ?= build/sbom.json
sbom: .venv/installed ## write the bill of materials (CycloneDX 1.6) of the production lock into build/
	@mkdir -p $(dir $(SBOM))
	@PYTHONWARNINGS=ignore $(BIN)/cyclonedx-py requirements --pyproject pyproject.toml --mc-type application --output-reproducible --short-PURLs \
	  --spec-version 1.6 --output-format JSON --no-validate --output-file $(SBOM) requirements.run.lock

openapi: .venv/installed ## write docs/openapi.json, the golden copy of the contract
	@ERESIDENCY_ENVIRONMENT=test ERESIDENCY_DATABASE_URL=postgresql+psycopg:///none \
	  $(BIN)/python -m app.cli openapi > docs/openapi.json.new
	@mv docs/openapi.json.new docs/openapi.json

openapi-lint: .venv/installed ## read docs/openapi.json with Redocly and Spectral (needs Node)
	@command -v npm > /dev/null || { echo "openapi-lint needs Node; make check does without"; exit 1; }
	npm --prefix .ci/openapi ci --no-audit --no-fund --silent
	.ci/openapi/node_modules/.bin/redocly lint --config .ci/openapi/redocly.yaml docs/openapi.json
	.ci/openapi/node_modules/.bin/spectral lint --ruleset .ci/openapi/spectral.yaml --fail-severity=warn docs/openapi.json

clean: ## stop the embedded servers and delete everything made here
	@for folder in .data/*/postgres .data/test-postgres; do \
	  [ -e "$$folder/lock" ] && $(BIN)/python -m app.embedded remove "$$folder"; done; true
	rm -rf .venv .data build dist .ci/openapi/node_modules tests/interop/node_modules .hypothesis .mypy_cache .pytest_cache .ruff_cache .import_linter_cache
	find . -name __pycache__ -prune -exec rm -rf {} +
