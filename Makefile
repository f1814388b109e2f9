PYTHON ?= python3
BIN := .venv/bin
PEERS := .venv-peers/bin
SWEEP ?= main

.DEFAULT_GOAL := help
.PHONY: help setup sweep report finding test test-processes test-all traps check site bench bench-engine clean

help:  ## show this list
	@awk -F ':.*## ' '/^[a-z-]+:.*## /{printf "  make %-14s %s\n", $$1, $$2}' $(MAKEFILE_LIST)

setup: .venv/.ready  ## make .venv with pinned packages

.venv/.ready: pyproject.toml constraints.txt
	$(PYTHON) -m venv .venv
	$(BIN)/python -m pip install -q --upgrade pip
	$(BIN)/python -m pip install -q -c constraints.txt torch==2.13.0
	$(BIN)/python -m pip install -q -c constraints.txt -e '.[dev]'
	@touch $@

sweep: setup  ## the main sweep, then its report: masks none, full, partial at 100 and 1,000 examples
	$(BIN)/python -m harness -m sweep=$(SWEEP) mask=none,full,partial data.size=small,large

report: setup  ## plots and report of a sweep again (SWEEP=main)
	$(BIN)/python -m analysis runs/$(SWEEP)

finding: setup  ## the claim on small data, its declared cells, on a laptop: 72 runs, about 20 minutes on 2 cores
	$(BIN)/python -m harness -m sweeps=small_data preset=laptop train.normalize=joint

test: setup  ## the default tests
	$(BIN)/python -m pytest -n auto

test-processes: setup  ## commands in processes of their own, killed and in each other's way; CI runs them too
	$(BIN)/python -m pytest -n auto -m "process and not slow"

test-all: setup  ## all tests, the slow ones too
	$(BIN)/python -m pytest -n auto -m "not gpu and not slurm"

traps: setup  ## put each known bug of loss masking in and see its test fail
	$(BIN)/python tests/mutants.py

check: setup  ## ruff and mypy
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy

site: setup  ## the site in build/site, offline; a warning is an error
	$(BIN)/python -m pip install -q -c constraints.txt -e '.[site]'
	$(BIN)/python -m sphinx -W --keep-going -n -q docs build/site

bench: .venv-peers/.ready  ## ours beside TRL, Hugging Face and a loop from scratch, 12 minutes; makes docs/performance.md
	$(PEERS)/python -m tests.benchmarks.cpu --out docs/results/performance
	$(PEERS)/python -m tests.benchmarks.performance

.venv-peers/.ready: pyproject.toml constraints.txt
	$(PYTHON) -m venv .venv-peers
	$(PEERS)/python -m pip install -q --upgrade pip
	$(PEERS)/python -m pip install -q -c constraints.txt torch==2.13.0
	$(PEERS)/python -m pip install -q -c constraints.txt -e '.[peers]'
	@touch $@

bench-engine: setup  ## what the sweep engine costs beside the runs, and how fast 10,000 runs load
	$(BIN)/python tests/benchmarks/engine.py
	$(BIN)/python -m tests.benchmarks.load

clean:  ## remove the virtual environment and caches
	rm -rf .venv .venv-peers .mypy_cache .ruff_cache .pytest_cache .hypothesis
