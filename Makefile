# One door for everything. Each target sets up .venv by itself first; that is quick when it is done already.
SHELL := /bin/bash
PY := .venv/bin/python
WORKERS ?= auto
SEEDS ?=
FROM ?= 0
SECONDS ?= 60
KILLS ?= 20

.DEFAULT_GOAL := help
.PHONY: help setup demo run test unit lint types fmt bench bench-net soak table fuzz kills package pins

help: ## show this list
	@awk -F':.*## ' '/^[a-z-]+:.*## / {printf "  make %-10s %s\n", $$1, $$2}' $(MAKEFILE_LIST)

setup: ## make .venv, with pinned dependencies
	@bash packaging/bootstrap.sh dev

demo: setup ## the main job: three simulated links, one of them killed, a relay, a real transfer
	@$(PY) -m transfer_core.cli demo $(ARGS)

run: setup ## open the console
	@$(PY) main.py $(ARGS)

test: lint types unit ## all checks, then the whole suite

unit: setup ## the whole suite
	QT_QPA_PLATFORM=offscreen $(PY) -m pytest -n $(WORKERS) --dist loadgroup $(ARGS)

lint: setup ## ruff and the layers of imports
	$(PY) -m ruff check .
	$(PY) -m ruff format --check .
	.venv/bin/lint-imports

types: setup ## mypy, strict
	$(PY) -m mypy

fmt: setup ## put the code in order
	$(PY) -m ruff check --fix .
	$(PY) -m ruff format .

bench: ## figures of speed and memory, written to docs/benchmarks.md
	@bash packaging/bootstrap.sh dev,bench
	$(PY) -m benchmarks $(ARGS)

bench-net: ## figures on bad links, beside other programs (root on Linux), written to docs/benchmarks.md
	@bash packaging/bootstrap.sh dev,bench
	@bash packaging/bench-peers.sh
	$(PY) -m benchmarks.netlab $(ARGS)

soak: setup ## random worlds until Ctrl+C, or so many: make soak SEEDS=2000; again from one: make soak FROM=17 SEEDS=1
	$(PY) -m tests.soak $(if $(SEEDS),$(FROM) $$(($(FROM)+$(SEEDS))),)

fuzz: ## give every parser of network bytes odd ones: make fuzz SECONDS=600
	@bash packaging/bootstrap.sh dev,fuzz
	$(PY) -m tests.fuzz $(SECONDS)

table: setup ## every promised number that virtual time can state, at whole size: half an hour
	DRS_TABLE=full $(PY) -m pytest -n $(WORKERS) --timeout 1200 tests/scenarios/test_promised_rates.py \
		tests/scenarios/test_promised_bonds.py $(ARGS)

kills: setup ## kill agent and relay again and again: make kills KILLS=20
	DRS_KILLS=$(KILLS) $(PY) -m pytest tests/processes/test_kill.py tests/processes/test_http_relay.py \
		tests/processes/test_uploads.py -k "killed or kills" -s --timeout 0 $(ARGS)

package: ## a program that needs no Python, in dist/, run once to see that it works
	@bash packaging/bootstrap.sh dev,package
	$(PY) packaging/build.py $(ARGS)

pins: ## write constraints.txt anew from what pyproject.toml allows today
	@bash packaging/pin.sh
