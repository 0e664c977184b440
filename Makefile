# Every target sets up what it needs. `make help` lists them.

SHELL := /bin/bash
.DEFAULT_GOAL := help
.PHONY: help setup demo up test check chaos bench build invoke deploy requirements clean

bin := .venv/bin
ENV ?= dev
ARGS ?=
EVENT ?=
FUNCTION ?=
SEED ?=
WORKERS ?= 2

# The emulator test runs what `sam build` made on this machine, so it is built for this machine;
# `make deploy` builds for the architecture of the profile. Folders count too: a file that is gone
# changes its folder.
HOST_ARCHITECTURE := $(if $(filter aarch64 arm64,$(shell uname -m)),arm64,x86_64)
built := .aws-sam/build/template.yaml
built_from := template.yaml samconfig.toml statemachines/sync.asl.json \
	layers/dependencies/requirements.txt \
	$(shell find functions layers/forecourt migrations -not -name '*.pyc' -not -name __pycache__)

help: ## List the targets
	@grep -hE '^[a-z]+:.*## ' $(MAKEFILE_LIST) | sort | \
		awk -F ':.*## ' '{printf "  make %-13s %s\n", $$1, $$2}'

setup: .venv/.dev-ready ## Make .venv with everything pinned; the forecourt command lands in .venv/bin

.venv/.dev-ready: requirements/dev.txt requirements/uv.txt requirements/setup.sh pyproject.toml
	@requirements/setup.sh .venv dev

.venv/.bench-ready: .venv/.dev-ready requirements/bench.txt
	@requirements/setup.sh .venv bench

.venv-peers/.peers-ready: requirements/peers.txt requirements/uv.txt requirements/setup.sh
	@requirements/setup.sh .venv-peers peers

.venv-sam/.sam-ready: requirements/sam.txt requirements/uv.txt requirements/setup.sh
	@requirements/setup.sh .venv-sam sam

# Where the npm registry is out of reach the tests that need this say so: skipped, failed with CI set.
.venv/.asl-ready: .venv/.dev-ready $(wildcard tests/asl/package*.json) requirements/node.txt requirements/npm.sh
	@requirements/npm.sh tests/asl && touch $@ || echo "asl-validator could not be installed." >&2

demo: setup ## Play the main job on this machine: leads delivered, a night's stock, one dealership failing
	@$(bin)/forecourt demo $(ARGS)

up: setup ## Keep the whole system serving on this machine (ARGS="--port 3000")
	@$(bin)/forecourt up $(ARGS)

check: setup ## Lint, formatting and types
	$(bin)/ruff check .
	$(bin)/ruff format --check .
	$(bin)/mypy
	$(bin)/cfn-lint template.yaml waf.yaml

test: check build .venv/.asl-ready ## Everything `check` does, then every test (ARGS="-k lead")
	$(bin)/pytest -n $(WORKERS) --dist loadfile $(ARGS)

chaos: setup ## Kill workers amid 2,000 leads and every fault, and count what is lost (SEED= repeats a plan)
	@$(bin)/python -m tests.chaos $(if $(SEED),--seed $(SEED)) $(ARGS)

bench: .venv/.bench-ready .venv-peers/.peers-ready ## Measure against what others would use and print the ratios (ARGS="--quick")
	$(bin)/python -m benchmarks $(ARGS)

build: $(built) ## Validate the template and build functions and layers as they would be deployed

$(built): .venv-sam/.sam-ready $(built_from)
	@requirements/sam.sh validate --lint
	@requirements/sam.sh build --parameter-overrides Architecture=$(HOST_ARCHITECTURE)
	@touch $@

invoke: setup build ## Run one built function (FUNCTION=LeadIntakeFunction EVENT=events/lead_intake/valid.json)
	@$(bin)/python -m local.invoke "$(FUNCTION)" "$(EVENT)"

deploy: .venv-sam/.sam-ready ## Build and deploy to AWS with a profile of samconfig.toml (ENV=dev; first ARGS=--guided)
	requirements/sam.sh build --config-env $(ENV) --build-dir .aws-sam/$(ENV)
	requirements/sam.sh deploy --config-env $(ENV) --template-file .aws-sam/$(ENV)/template.yaml $(ARGS)

requirements: setup ## Compile requirements/*.in again (ARGS="--upgrade")
	requirements/compile.sh $(ARGS)

clean: ## Remove what was made: environments, builds, caches (not .forecourt, which holds data)
	rm -rf .venv .venv-peers .venv-sam .aws-sam .mypy_cache .pytest_cache .ruff_cache .hypothesis
