# The one door to this repository: `make help` says what each command does.
# Every path is relative, so the folder may have a space in its name.

.DEFAULT_GOAL := help
.SUFFIXES:
.DELETE_ON_ERROR:

# Another project's settings must not leak into the environment that is built here.
unexport PYTHONPATH PYTHONHOME VIRTUAL_ENV PIP_USER PIP_TARGET PIP_PREFIX PIP_REQUIRE_HASHES

BIN := .venv/bin
SPECTRAL := deploy/spectral/node_modules
RULESET := schemas/adr/ruleset-2.2.1.yaml
OPENAPI := schemas/openapi.json
COMPILE := uv pip compile --quiet --generate-hashes --universal --python-version 3.11 --no-emit-index-url \
	--no-annotate --custom-compile-command "make lock"
TESTS ?=
WORKERS ?= auto --maxprocesses 4
TIMES ?= 3
PYTHON ?=

.PHONY: help
help: ## Show this text.
	@printf 'Draad: one dossier, one thread.\n\n'
	@awk -F ':.*## ' '/^[a-z-]+:.*## / { printf "  make %-18s %s\n", $$1, $$2 }' Makefile
	@printf '\nStart with "make run": the product, with invented people. Then "make test".\n'
	@printf 'Some tests:       make test TESTS="tests/unit -k grant"\n'
	@printf 'One at a time:    make test WORKERS=0\n'
	@printf 'Another Python:   make setup PYTHON=/path/to/python3.12\n'
	@printf 'The product:      .venv/bin/draad --help\n'

.PHONY: setup
setup: ## Make .venv from the lock; nothing when it is current.
	@sh deploy/setup.sh "$(PYTHON)"

.PHONY: run
run: setup ## Start the sandbox, replay three invented lives, stay up.
	@exec $(BIN)/draad demo

.PHONY: test
test: setup ## Run the whole test suite, on up to 4 cores; TESTS= narrows it.
	@$(BIN)/python -m pytest --numprocesses $(WORKERS) --dist loadfile --no-loadscope-reorder $(TESTS)

.PHONY: faults
faults: setup ## Kill what can be killed, on three nodes of Kafka; one table. TIMES= says how often each.
	@DRAAD_FAULTS=long $(BIN)/python -m pytest tests/faults tests/integration/test_bus_contract.py
	@$(BIN)/python -m tests.faults --times "$(TIMES)"

.PHONY: check
check: check-format check-lint check-types check-imports check-migrations check-documents check-openapi ## Everything below.

.PHONY: check-format
check-format: setup ## Is the code laid out by ruff? ("make format" does it.)
	$(BIN)/ruff format --check .

.PHONY: check-lint
check-lint: setup ## Does ruff object?
	$(BIN)/ruff check .

.PHONY: check-types
check-types: setup ## Do the types hold, in code and tests?
	$(BIN)/mypy

.PHONY: check-imports
check-imports: setup ## Do imports point one way?
	$(BIN)/lint-imports

.PHONY: check-migrations
check-migrations: setup ## Do migrations give the tables of the code, with one head each?
	$(BIN)/python -m services.foundation.database.migrations check

.PHONY: check-documents
check-documents: setup ## Are the generated documents those of the code?
	$(BIN)/python -m services.roots.documents --check

# Spectral needs Node. Without Node this step is left out and says so; where CI=true that is a failure.
.PHONY: check-openapi
check-openapi: ## Does the API keep the Dutch API Design Rules?
	@if command -v npm >/dev/null 2>&1; then \
		$(MAKE) --no-print-directory lint-openapi; \
	elif [ "$${CI:-}" = true ]; then \
		echo "check-openapi: CI=true and there is no npm: install Node.js 18.18 or newer." >&2; exit 1; \
	else \
		echo "check-openapi: left out, there is no npm here (Node.js 18.18 or newer); CI runs it."; \
	fi

.PHONY: lint-openapi
lint-openapi: $(SPECTRAL)/.ready
	$(SPECTRAL)/.bin/spectral lint --fail-severity=error --ruleset $(RULESET) $(OPENAPI)

$(SPECTRAL)/.ready: deploy/spectral/package-lock.json
	cd deploy/spectral && npm ci --no-audit --no-fund
	@touch $@

.PHONY: format
format: setup ## Lay out the code, mend what ruff can mend.
	$(BIN)/ruff format .
	$(BIN)/ruff check --fix .

.PHONY: lock
lock: ## Renew requirements/*.txt from pyproject.toml (needs uv).
	@command -v uv >/dev/null 2>&1 || { echo "make lock: uv is missing: pipx install uv" >&2; exit 1; }
	$(COMPILE) pyproject.toml --output-file requirements/runtime.txt
	$(COMPILE) --extra dev pyproject.toml --output-file requirements/dev.txt

.PHONY: bench
bench: setup ## Measure append and gated read beside bare ones; .venv/bin/python -m bench --help for the rest.
	$(BIN)/python -m bench

.PHONY: clean
clean: ## Remove what setup and the checks made.
	rm -rf .venv $(SPECTRAL) deploy/kafka/.kit .mypy_cache .ruff_cache .pytest_cache .hypothesis .import_linter_cache draad.egg-info build
