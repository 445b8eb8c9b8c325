# Two commands: `make demo` and `make test`. Each makes .venv and installs what it needs.
PYTHON ?= python3
BIN := .venv/bin

.PHONY: demo test format clean
demo: .venv/demo.stamp
	$(BIN)/synthatoms demo --out demo

test: .venv/test.stamp
	@command -v chromium >/dev/null || (test "$$(id -u)" = 0 && apt-get update -qq && apt-get install -y -qq chromium >/dev/null) || echo "chromium is missing and could not be installed: the browser tests will fail"
	$(BIN)/ruff format --check .
	$(BIN)/ruff check .
	$(BIN)/mypy
	$(BIN)/lint-imports
	$(BIN)/pytest

format: .venv/test.stamp
	$(BIN)/ruff check --fix .
	$(BIN)/ruff format .

.venv/demo.stamp: pyproject.toml constraints.txt
	@echo "Installing into .venv: a minute or two, 3 GB"
	$(PYTHON) -m venv .venv
	$(BIN)/python -m pip install --quiet --constraint constraints.txt --editable '.[demo]'
	@touch $@

.venv/test.stamp: pyproject.toml constraints.txt
	@echo "Installing into .venv: a minute or two, 3 GB"
	$(PYTHON) -m venv .venv
	$(BIN)/python -m pip install --quiet --constraint constraints.txt --editable '.[test]'
	@touch $@ .venv/demo.stamp

clean:
	rm -rf .venv demo
