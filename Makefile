# Opportune: `make` prints the commands. A fresh machine needs only make and Python >= 3.11.
SHELL := /bin/sh
PYTHON ?= python3
PORT ?= 8700
BIN := .venv/bin
READY := .venv/.ready
NAME ?=
SEED ?=
T ?=

.PHONY: help setup run test check fmt bench fuzz faults sim web shots golden clean
.DEFAULT_GOAL := help

help: ## print these lines
	@sed -n 's/^\([a-z]*\):.*## /  make \1\t/p' Makefile | expand -t 20

setup: $(READY) ## make .venv with the locked packages (the others do it by themselves)

$(READY): pyproject.toml uv.lock
	@if command -v uv >/dev/null 2>&1; then \
	  echo "make: filling .venv with uv"; uv sync --locked --inexact --quiet; \
	else \
	  $(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' \
	    || { echo "make: Opportune needs Python >= 3.11. Try: make PYTHON=python3.12 $(MAKECMDGOALS)"; exit 2; }; \
	  echo "make: filling .venv with pip"; $(PYTHON) -m venv .venv \
	    && $(PYTHON) .ci/pip_pins.py pins > .venv/pins.txt \
	    && $(PYTHON) .ci/pip_pins.py requirements test check > .venv/requirements.txt \
	    && $(BIN)/python -m pip install --quiet -c .venv/pins.txt -r .venv/requirements.txt \
	    && $(BIN)/python -m pip install --quiet --no-deps -e .; \
	fi
	@touch $(READY)

run: $(READY) ## open a small shop with visitors, on 127.0.0.1:8700 (PORT=8701 for another port)
	@exec $(BIN)/opportune demo --port $(PORT)

test: $(READY) ## run the tests, on all cores (tests/tidy runs in make check)
	@$(BIN)/python -m pytest -q -n auto --dist worksteal --ignore=tests/tidy

check: $(READY) ## format, lint, types, imports, tidiness; changes nothing
	@$(BIN)/ruff format --check --output-format concise . || { echo "make: try: make fmt"; exit 1; }
	@$(BIN)/ruff check --quiet .
	@$(BIN)/mypy
	@$(BIN)/lint-imports --no-logo
	@$(BIN)/python -m pytest -q tests/tidy

fmt: $(READY) ## format the code and the rule files we ship
	@$(BIN)/ruff check --quiet --fix-only .
	@$(BIN)/ruff format --quiet .
	@$(BIN)/opportune fmt rules/packs server/demo benchmarks/nasa

bench: $(READY) ## run the benchmarks (NAME=decide for one)
	@if command -v uv >/dev/null 2>&1; then uv sync --locked --inexact --quiet --group bench; \
	else $(PYTHON) .ci/pip_pins.py requirements bench > .venv/bench.txt \
	  && $(BIN)/python -m pip install --quiet -c .venv/pins.txt -r .venv/bench.txt; fi
	@$(BIN)/python -m benchmarks.runner $(NAME)

fuzz: $(READY) ## let interpreter, compiled program and polling disagree (SEED=n repeats a run)
	@$(BIN)/python -m tests.fuzz.evaluators --pairs 20000 --seed $(or $(SEED),1) --jobs 2

faults: $(READY) ## run the fault tests at full size, about 40 minutes (T=T4 for one, SEED=n)
	@OPPORTUNE_FAULTS=full CI=1 SEED=$(or $(SEED),1) T=$(T) $(BIN)/python -m pytest -q tests/faults

sim: $(READY) ## simulate deployments on virtual time (SEED=n repeats one)
	@$(BIN)/python -m tests.simulation --seeds $(or $(SEED),1-200) --steps 200 --jobs 2 --shrink

web: ## build the widget from web/ into server/static (needs Node >= 18)
	@test -d web/node_modules || npm ci --prefix web --silent --no-fund --no-audit
	@npm run --prefix web --silent check:types && npm run --prefix web --silent build

shots: $(READY) ## take pictures of the widget and the demo into build/shots, to be looked at
	@OPPORTUNE_SHOTS=build/shots $(BIN)/python -m pytest -q tests/browser

golden: $(READY) ## rewrite the expected outputs in tests/golden; read the diff before you commit
	@OPPORTUNE_UPDATE_GOLDEN=1 $(BIN)/python -m pytest -q tests
	@git status --short tests/golden

clean: ## remove the environment, caches and the demo's store
	@rm -rf .venv .pytest_cache .mypy_cache .ruff_cache .hypothesis .import_linter_cache build data
	@find . -name __pycache__ -type d -prune -exec rm -rf {} +
