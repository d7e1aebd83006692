# Every target is a short line; the work is in the named module or script. `make help` lists them.
SHELL := bash
.DEFAULT_GOAL := help
PY := .venv/bin/python
LIBS := libs/contracts libs/chassis libs/retrieval libs/tenancy
SERVICES := identity org-partner ingest rag usage-metrics
MEMBERS := $(LIBS) $(addprefix services/,$(SERVICES)) deploy/embedder deploy/local
MANIFESTS := pyproject.toml $(addsuffix /pyproject.toml,$(MEMBERS))
export PYTHONUNBUFFERED := 1

.PHONY: help
help: ## List the targets
	@awk -F':.*## ' '/^[a-z-]+:.*## /{printf "  make %-14s %s\n", $$1, $$2}' $(MAKEFILE_LIST)

.PHONY: setup
setup: .venv/installed ## Find Python 3.12 or newer, install the locked packages, prepare the embedding model

.venv/installed: requirements.lock $(MANIFESTS) deploy/setup.sh deploy/tessdata.sh
	@deploy/setup.sh $(MEMBERS)
	@touch $@

.PHONY: up
up: setup ## Start the whole stack on this machine (PORT=8000); Ctrl-C stops it
	@$(PY) -m growfit_local up

.PHONY: down
down: setup ## Stop the stack; its data stays in .growfit/
	@$(PY) -m growfit_local down

.PHONY: status
status: setup ## What is up, and where
	@$(PY) -m growfit_local status

.PHONY: demo
demo: setup ## A document on its way to cited answers and metered usage (FILE=path.pdf ASK="…")
	@$(PY) -m growfit_local.demo
# A question is a person's text: through the environment, because a shell would run its backticks, and as it was
# typed (`value`), because make would expand its dollars.
demo: override export FILE := $(value FILE)
demo: override export ASK := $(value ASK)

.PHONY: test
test: setup ## All tests, on real PostgreSQL, NATS, gateway and model (ARGS="-k name")
	@$(PY) -m pytest -q --numprocesses 2 $(ARGS)

.PHONY: test-isolation
test-isolation: setup ## Every operation for every kind of caller, against tests/isolation/expected.yaml
	@$(PY) -m pytest -q tests/isolation $(ARGS)

.PHONY: test-fuzz
test-fuzz: setup ## schemathesis over all five API descriptions, through the gateway, on a stack of its own
	@PYTHONPATH=tests/isolation $(PY) tests/fuzz/run.py

.PHONY: test-hostile
test-hostile: setup ## Hostile files through the whole stack, with good ones beside them (some 5 minutes)
	@$(PY) -m pytest -q -s tests/hostile/proof.py $(ARGS)

.PHONY: test-migration
test-migration: setup ## A vector index moves on a whole stack that is written to and killed (some 20 minutes; DOCUMENTS=2000)
	@$(PY) tests/migration/under_fire.py

.PHONY: check
check: setup ## Format, lint, types, imports, migrations, compose file; changes nothing
	@PY=$(PY) deploy/check.sh $(SERVICES)

.PHONY: format
format: setup ## Format the code and mend what the linter can mend
	@.venv/bin/ruff format -q . && .venv/bin/ruff check -q --fix .

.PHONY: bench
bench: setup ## Measure the pipeline, search, memory and start; one table and bench/latest.json
	@PYTHONPATH=tests/documents $(PY) bench/run.py

.PHONY: bench-retrieval
bench-retrieval: setup ## How well search finds: the project's questions, and DATA=path of a KorQuAD file
	@PYTHONPATH=tests/documents $(PY) bench/finding.py $(if $(DATA),--data "$(DATA)")

.PHONY: bench-vectors
bench-vectors: setup ## Filtered search in 100,000 vectors, and bulk writes, in pgvector and Qdrant; bench/vectors.json
	@$(PY) bench/vectors.py

.PHONY: docs
docs: setup ## Generate docs/asyncapi.json and docs/openapi/ from the code
	@$(PY) deploy/docs.py

.PHONY: nats-conf
nats-conf: setup ## Generate deploy/nats/nats.conf from the contracts
	@$(PY) -m chassis.nats_conf > deploy/nats/nats.conf

.PHONY: lock
lock: setup ## Resolve the dependencies again into requirements.lock
	@.venv/bin/uv pip compile -q --universal --python-version 3.12 --generate-hashes --no-header --no-annotate \
		$(foreach member,$(MEMBERS),--no-emit-package growfit-$(notdir $(member))) \
		$(MANIFESTS) --group dev -o requirements.lock
