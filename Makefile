.DEFAULT_GOAL := help
.PHONY: help install demo test check lint types layers tidy format bench kafka warm requirements clean

PYTHON ?= python3
BIN := .venv/bin
T ?=

help: ## list the targets
	@grep -E '^[a-z]+:.*## ' $(MAKEFILE_LIST) | sed -E 's/:.*## /\t/' | expand -t 14

install: .venv/.installed ## create .venv with everything pinned by hash

.venv/.installed: requirements-dev.txt pyproject.toml
	@echo "installing into .venv ..."
	$(PYTHON) -m venv .venv
	$(BIN)/python -m pip install --disable-pip-version-check --progress-bar on --compile --require-hashes -r requirements-dev.txt
	$(BIN)/python -m pip install --disable-pip-version-check --quiet --no-deps --no-build-isolation -e .
	$(BIN)/python -m compileall -q schemas pipeline query_api
	@touch $@

UV ?= uv
COMPILE := $(UV) pip compile --generate-hashes --no-emit-index-url --no-header --no-annotate --python-version 3.11
requirements: ## compile requirements*.txt from pyproject.toml (needs uv)
	$(COMPILE) --quiet -o requirements.txt pyproject.toml
	$(COMPILE) --quiet --extra dev -c requirements.txt -o requirements-dev.txt pyproject.toml
	$(COMPILE) --quiet --extra bench -c requirements.txt -o requirements-bench.txt pyproject.toml
