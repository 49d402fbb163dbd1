# Each target takes a bare machine with Python >= 3.11 from nothing.
BUDGET ?= 200
ARGS ?=
PYTHON ?= python3
BIN := .venv/bin

.PHONY: search test lint docs bench clean

search: .venv/installed
	$(BIN)/nas search --budget $(BUDGET) $(ARGS)

test: .venv/installed
	$(BIN)/python -m pytest -n 2 --dist worksteal $(ARGS)

lint: .venv/installed
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy

docs: .venv/installed
	$(BIN)/python docs/generate.py

bench: .venv/installed
	$(BIN)/python benchmarks/throughput.py $(ARGS)
	$(BIN)/python benchmarks/latency.py
	$(BIN)/python benchmarks/patches.py
	$(BIN)/python benchmarks/train_speed.py

.venv/installed: pyproject.toml constraints.txt
	$(PYTHON) -c 'import sys; assert sys.version_info >= (3, 11), "Python >= 3.11 is needed, set PYTHON="'
	$(PYTHON) -m venv .venv
	$(BIN)/python -m pip install --quiet --constraint constraints.txt --editable ".[dev]"
	touch $@

clean:
	rm -rf .venv build dist
