# Every target is a short line; the work is in the named module or script. `make help` lists them.
SHELL := bash
.DEFAULT_GOAL := help
PY := .venv/bin/python
MEMBERS := libs/contracts libs/chassis libs/retrieval libs/tenancy services/identity services/org-partner services/ingest \
	services/rag services/usage-metrics deploy/embedder deploy/local
MANIFESTS := pyproject.toml $(addsuffix /pyproject.toml,$(MEMBERS))

.PHONY: help
help: ## List the targets
	@awk -F':.*## ' '/^[a-z-]+:.*## /{printf "  make %-12s %s\n", $$1, $$2}' $(MAKEFILE_LIST)

.PHONY: setup
setup: .venv/installed ## Find Python 3.12 or newer, install the locked packages, prepare the embedding model

.venv/installed: requirements.lock $(MANIFESTS)
	@deploy/setup.sh $(MEMBERS)
	@touch $@

.PHONY: lock
lock: ## Resolve the dependencies again into requirements.lock
	uv pip compile -q --universal --python-version 3.12 --generate-hashes --no-header --no-annotate \
		--emit-index-annotation=false $(MANIFESTS) --group dev -o requirements.lock
