# One command per job; each does its own set-up in .venv/. PYTHON=… chooses the interpreter.
.DEFAULT_GOAL := help
.PHONY: demo test lint simulate help lock setup
MAKEFLAGS += --no-print-directory

# FEED goes by environment, so that no path is read as shell.
export PYTHON FEED SEEDS FIRST EVENTS
python := .venv/bin/python
# Most tests wait for a process or a socket: two at a time fit any machine.
WORKERS := 2

demo: setup ## a guarded dry run, then a runaway, a hang and a STOP file (FEED=csv:PATH for a file)
	@$(python) examples/demo.py $${FEED:+--feed "$$FEED"}

test: setup ## all tests (TESTS="tests/ipc -k hello" for some)
	@$(python) -m pytest -n $(WORKERS) --dist loadfile $(TESTS)

lint: setup ## style, types, import contracts, and whether the locks are current
	$(python) -m ruff check .
	$(python) -m ruff format --check .
	$(python) -m mypy
	$(python) requirements/check.py
	$(python) -m pytest --quiet tests/architecture

simulate: setup ## seeded histories against the invariants (SEEDS=50000; FIRST=, EVENTS= for one again)
	@$(python) -m tests.simulation --seeds $${SEEDS:-200} --first $${FIRST:-0} --events $${EVENTS:-2000}

lock: setup ## compile requirements/*.txt from pyproject.toml (needs uv and the network)
	@$(python) requirements/check.py --compile

setup: ## make or heal .venv (every target does it by itself)
	@sh requirements/setup.sh

help: ## this list
	@sed -n 's/^\([a-z][a-z-]*\):[^#]*## /\1\t/p' Makefile | expand -t 12
