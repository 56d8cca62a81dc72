.DEFAULT_GOAL := help
.PHONY: help install demo test docs check lint types layers tidy format bench bench-lucene bench-opensearch
.PHONY: kafka lucene opensearch warm requirements clean

PYTHON ?= python3
BIN := .venv/bin
PIP := $(BIN)/python -m pip --disable-pip-version-check
T ?=
B ?=

help: ## list the targets
	@grep -E '^[a-z-]+:.*## ' $(MAKEFILE_LIST) | sed -E 's/:.*## /\t/' | expand -t 19

install: .venv/.installed ## create .venv with everything pinned by hash

.venv/.dependencies: requirements-dev.txt
	@echo "installing into .venv ..."
	$(PYTHON) -m venv .venv
	$(PIP) install --compile --require-hashes -r requirements-dev.txt
	@touch $@

.venv/.installed: .venv/.dependencies pyproject.toml
	$(PIP) install --quiet --no-deps --no-build-isolation -e .
	@touch $@

demo: .venv/.installed ## install, then index and search a corpus at hand
	$(BIN)/sediment demo

test: .venv/.installed kafka warm ## install, then every test; T=path narrows
	$(BIN)/python -m pytest $(T)

docs: .venv/.installed ## write docs/reference from the code; tests/test_docs.py compares
	$(BIN)/python -m docs.generate

check: lint types layers tidy ## everything but the tests

format: .venv/.installed ## write: ruff format, ruff --fix
	$(BIN)/ruff format . && $(BIN)/ruff check --fix .

lint: .venv/.installed ## ruff check, ruff format --check
	$(BIN)/ruff check . && $(BIN)/ruff format --check .

types: .venv/.installed ## mypy --strict on the packages, less strict on the tests
	$(BIN)/mypy && $(BIN)/mypy tests

layers: .venv/.installed ## import-linter: imports point down
	$(BIN)/lint-imports

tidy: .venv/.installed ## the code's own shape
	$(BIN)/python -m pytest -q tests/test_tidy.py

warm: .venv/.installed ## compile every kernel ahead of time
	$(BIN)/python -m pipeline.kernels.warm

bench: .venv/.installed warm ## the benchmarks, tantivy beside ours; B="ingest --documents 752000" for one
	$(PIP) install --quiet --compile --require-hashes -r requirements-bench.txt
	$(BIN)/python -m bench $(B)

bench-lucene: lucene ## queries beside Lucene 9.12 too; B="--documents 752000 --merged"
	$(MAKE) bench B="search $(B)"

bench-opensearch: opensearch ## queries and _bulk over HTTP beside OpenSearch 2.19; B="--documents 752000"
	$(MAKE) bench B="opensearch $(B)"

# The peers of the benchmarks, once: Lucene's jar with our program compiled beside it, OpenSearch's smallest server.
LUCENE := build/lucene
lucene: ## fetch Lucene and compile the program that asks it, only if missing
	@mkdir -p $(LUCENE)/libs $(LUCENE)/classes
	@[ -f $(LUCENE)/libs/.complete ] || { echo "fetching Lucene into $(LUCENE) ..." && \
	  mvn -q -B -f bench/lucene/pom.xml dependency:copy-dependencies -DincludeScope=runtime \
	    -DoutputDirectory=$(CURDIR)/$(LUCENE)/libs </dev/null && touch $(LUCENE)/libs/.complete; }
	@javac -Xlint:all -Werror -cp "$(LUCENE)/libs/*" -d $(LUCENE)/classes bench/lucene/*.java && touch $(LUCENE)/.complete

OPENSEARCH := build/opensearch
opensearch: ## fetch an OpenSearch server for the benchmark, only if missing
	@[ -f $(OPENSEARCH)/.complete ] || { echo "fetching OpenSearch into $(OPENSEARCH) ..." && mkdir -p $(OPENSEARCH) && \
	  mvn -q -B -f bench/opensearch/pom.xml dependency:unpack-dependencies -DincludeTypes=zip \
	    -DoutputDirectory=$(CURDIR)/$(OPENSEARCH) </dev/null && touch $(OPENSEARCH)/.complete; }

# A broker for the tests marked kafka: the jars, once. Without Java or Maven these tests are skipped;
# with SEDIMENT_REQUIRE_KAFKA=1 that is an error.
KAFKA_JARS := build/kafka/libs
kafka: ## fetch a Kafka broker's jars for the tests, only if missing
	@if [ -f $(KAFKA_JARS)/.complete ]; then :; \
	elif command -v java >/dev/null && command -v mvn >/dev/null; then \
	  echo "fetching a Kafka broker into $(KAFKA_JARS) ..."; \
	  mkdir -p $(KAFKA_JARS) && \
	  mvn -q -B -f deploy/kafka/pom.xml dependency:copy-dependencies -DincludeScope=runtime \
	    -DoutputDirectory=$(CURDIR)/$(KAFKA_JARS) </dev/null && touch $(KAFKA_JARS)/.complete; \
	elif [ "$${SEDIMENT_REQUIRE_KAFKA:-}" = 1 ]; then echo "java and mvn are needed for the Kafka tests" >&2; exit 1; \
	else echo "no java or mvn: tests that need a Kafka broker will be skipped"; fi

UV ?= uv
COMPILE := $(UV) pip compile --quiet --generate-hashes --no-emit-index-url --no-header --no-annotate --python-version 3.11
requirements: ## compile requirements*.txt from pyproject.toml (needs uv)
	$(COMPILE) -o requirements.txt pyproject.toml
	$(COMPILE) --extra dev -c requirements.txt -o requirements-dev.txt pyproject.toml
	$(COMPILE) --extra bench -c requirements.txt -o requirements-bench.txt pyproject.toml

clean: ## remove what was built, keep .venv
	rm -rf build .mypy_cache .ruff_cache .pytest_cache .hypothesis
