# `make quickstart` and `make test` do all their own set-up; `make help` lists the rest.
SHELL := /bin/bash
.SHELLFLAGS := -eu -o pipefail -c
.DEFAULT_GOAL := help
.DELETE_ON_ERROR:
.PHONY: help quickstart test announce-quickstart announce-test lint types soak build docs clean

BIN := .venv/bin
SETUP := pyproject.toml constraints.txt scripts/install.sh
QUICKSTART := runs/quickstart
PYTEST_ARGS ?=
# files that are tested at once
JOBS ?= 2
# how many times as often `make soak` repeats what is drawn at random
SOAK ?= 20

# waiting threads that spin stall each other where cores are shared
export OMP_WAIT_POLICY ?= PASSIVE

help:  ## this list
	@echo "make quickstart  judge the sample that ships with two small models, distill a scorer, write a report"
	@echo "make test        lint, types and all tests"
	@echo "make soak        before a release: kills, habits and simulations, $(SOAK) times as often (SOAK=5: less)"
	@echo "make lint        ruff and import-linter"
	@echo "make types       mypy"
	@echo "make build       wheel and source archive into dist/"
	@echo "make docs        the documentation, as HTML into docs/_build/html"
	@echo "make clean       remove .venv, .venv-vllm, dist/ and the tools' caches; runs/ and cache/ stay"

quickstart: announce-quickstart .venv/.ready-run
	@echo "==> Running eval/suites/quickstart.yaml into $(QUICKSTART): judging, weak labels, scorer, references, report"
	@$(BIN)/sie run eval/suites/quickstart.yaml --out $(QUICKSTART) || { code=$$?; [ $$code -eq 3 ] || exit $$code; }
	@echo "==> Done. Open $(CURDIR)/$(QUICKSTART)/report.html in a browser"

test: announce-test lint types
	@scripts/install.sh browser
	@scripts/install.sh vllm cpu
	@echo "==> Running all tests, $(JOBS) files at a time; then those with a vLLM server of their own"
	@$(BIN)/python -m pytest -m "not vllm" -n $(JOBS) --dist loadfile $(PYTEST_ARGS)
	@$(BIN)/python -m pytest -m vllm $(PYTEST_ARGS)

soak: .venv/.ready-test
	@echo "==> Kills, habits and simulations, $(SOAK) times as often as in make test: hours"
	@SIE_SOAK=$(SOAK) $(BIN)/python -m pytest -m soak -n $(JOBS) --dist loadfile $(PYTEST_ARGS)

announce-quickstart announce-test: announce-%:
	@scripts/install.sh announce $*

lint: .venv/.ready-test
	@echo "==> Linting (ruff), and which folder may import which (import-linter)"
	@$(BIN)/ruff check .
	@$(BIN)/ruff format --check --quiet .
	@$(BIN)/lint-imports --no-logo --no-cache

types: .venv/.ready-test
	@echo "==> Checking types (mypy --strict)"
	@$(BIN)/mypy

build: .venv/.ready-test
	@echo "==> Building the wheel and the source archive into dist/"
	@$(BIN)/python -m build --no-isolation --outdir dist .

# -W: a link that leads to nothing, or a name that is not there, is an error
docs: .venv/.ready-test
	@echo "==> Building the documentation into docs/_build/html"
	@$(BIN)/python -m sphinx -W --keep-going -q -E -d docs/_build/doctrees -b html docs docs/_build/html
	@echo "==> Done. Open $(CURDIR)/docs/_build/html/index.html in a browser"

clean:
	rm -rf .venv .venv-vllm dist build docs/_build .pytest_cache .mypy_cache .ruff_cache .hypothesis
	find sie_agent tests -name __pycache__ -type d -prune -exec rm -rf {} +

.venv/.ready-run: $(SETUP)
	@echo "==> Setting up (once)"
	@scripts/install.sh run
	@touch $@

.venv/.ready-test: $(SETUP)
	@echo "==> Setting up for tests (once)"
	@scripts/install.sh test
	@touch $@ .venv/.ready-run
