# The front door: make setup | demo | test | soak | check | fix | bench | clean.
# Needs Python >= 3.11, make and git; everything else is installed into .venv.

PYTHON ?= python3
# Tests often wait, for a browser or a killed process: three workers keep two cores busy.
WORKERS ?= 3
VENV := .venv
BIN := $(VENV)/bin
STAMP := $(VENV)/.installed
COMPILED := schema index embed label dedupe curate ui likeness
# Errors alone: a healthy set-up has nothing to say.
PIP := $(BIN)/python -m pip --disable-pip-version-check -qq

.PHONY: help setup prompts demo test soak check fix bench clean

help:
	@sed -n 's/^# //p' Makefile | head -2

setup: $(STAMP)
	@:

# Written last: an interrupted set-up is done again. pip keeps its download cache, so that a second set-up is quick.
# Bytecode is compiled here, on all cores: the first command starts like any other.
$(STAMP): pyproject.toml constraints.txt
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' || \
	  { echo "Likeness needs Python 3.11 or newer; '$(PYTHON)' is `$(PYTHON) --version 2>&1`. Try: make PYTHON=python3.12 $(MAKECMDGOALS)"; exit 1; }
	@echo "Setting up $(VENV) (once; some gigabytes, a few minutes) ..."
	@$(BIN)/python -m pip --version >/dev/null 2>&1 || $(PYTHON) -m venv --clear $(VENV) || \
	  { echo "Could not make $(VENV). On Debian and Ubuntu: apt install python3-venv"; exit 1; }
	@$(PIP) install --no-compile --prefer-binary --editable '.[dev]' --constraint constraints.txt || \
	  { echo "The installation failed; pip says why above. It is safe to run make again."; exit 1; }
	@$(BIN)/python -m compileall -qq -j 0 $(VENV)/lib $(COMPILED) || true
	@touch $@

# The prompt vectors of the bundled encoder, after a change of its weights or of the vocabulary's prompts.
prompts: setup
	@$(BIN)/python -m embed.vectors.ship_prompts

demo: setup
	@$(BIN)/likeness demo $(DEMO)

test: setup
	@$(BIN)/python -m pytest -q -n $(WORKERS) --dist loadfile --no-loadscope-reorder

# What takes too long for every change: hundreds of kills, load. Each test may take an hour.
soak: setup
	@$(BIN)/python -m pytest -q -m slow --timeout 3600

# All four, whatever the first one says.
check: setup
	@bad=0; \
	$(BIN)/ruff check --quiet . || bad=1; \
	$(BIN)/ruff format --check --quiet . || { echo "Some files are not formatted: make fix"; bad=1; }; \
	$(BIN)/mypy || bad=1; \
	$(BIN)/lint-imports --no-logo || bad=1; \
	exit $$bad

fix: setup
	@$(BIN)/ruff check --fix --quiet . ; $(BIN)/ruff format --quiet .

bench: setup
	@$(BIN)/python -m benchmarks $(if $(SIZE),--size $(SIZE))

clean:
	rm -rf $(VENV) build dist *.egg-info .mypy_cache .ruff_cache .pytest_cache .hypothesis .import_linter_cache
