# What there is to do here. Everything that a target needs is installed first, once.
#   make run [OSMEDEUS=PATH] [WORKSPACES=PATH] [DEMO=1] [HOST=ADDRESS] [PORT=NUMBER]
#   make test [TESTS=tests/test_x.py]

PYTHON ?= python3
IN_VENV := .venv/bin/python
TESTS ?=
# As given: a dollar sign in a path is no make variable.
override OSMEDEUS := $(value OSMEDEUS)
override WORKSPACES := $(value WORKSPACES)
export OSMEDEUS WORKSPACES DEMO HOST PORT

.DEFAULT_GOAL := help
.PHONY: help setup setup-tests setup-lint run test chaos fuzz lint format sure bench screenshots clean

help: ## list the targets
	@grep -E '^[a-z-]+:.*## ' Makefile | sed -E 's/^([a-z-]+):.*## /  make \1\t/' | expand -t 22

setup: ## install what runs Stepboard: .venv and static/vendor
	@$(PYTHON) scripts/install.py runtime front-end

setup-tests: setup ## install what the tests need, Debian's packages too (as root)
	@$(PYTHON) scripts/install.py development system

setup-lint:
	@$(PYTHON) scripts/install.py development

# `exec`: signals reach the server, not a shell around it.
run: setup ## serve on http://127.0.0.1:8002, with the embedded database
	@exec $(IN_VENV) app.py $${HOST:+--host "$$HOST"} $${PORT:+--port "$$PORT"} \
	  $${OSMEDEUS:+--osmedeus "$$OSMEDEUS"} $${WORKSPACES:+--workspaces "$$WORKSPACES"} \
	  $(if $(filter-out 0 no,$(DEMO)),--demo)

test: setup-tests ## run all tests
	@exec $(IN_VENV) -m pytest --numprocesses auto --maxprocesses 4 \
	  --dist loadfile --no-loadscope-reorder $(TESTS)

chaos: setup-tests ## make faults happen at length, for about half an hour
	@exec $(IN_VENV) -m pytest tests/faults --chaos -s

lint: setup-lint ## check style and types: ruff, mypy
	$(IN_VENV) -m ruff check .
	$(IN_VENV) -m ruff format --check .
	$(IN_VENV) -m mypy

format: setup-lint ## put the code into its form
	$(IN_VENV) -m ruff check --fix .
	$(IN_VENV) -m ruff format .

sure: lint test ## lint, then test

fuzz: setup-tests ## send 100,000 requests to the API, by its document
	@exec $(IN_VENV) -m tests.fuzz

bench: setup-tests ## measure the speed that is promised (ROWS=100k, 1M or 10M; DATABASE_URL)
	@exec $(IN_VENV) -m benchmarks

screenshots: setup-tests ## take the pictures of the README
	@exec $(IN_VENV) scripts/screenshots.py

clean: ## remove what set-up and tools made; instance/ (your data) stays
	rm -rf .venv .setup node_modules static/vendor .mypy_cache .ruff_cache .pytest_cache .hypothesis
	find . -name __pycache__ -type d -prune -exec rm -rf {} +
