# VENV may point to an environment that several clones share: it is reused only while the lock file is the same.
VENV   ?= .venv
PYTHON ?= python3
PORT   ?= 5000
LOCK   := requirements.txt
BIN     = $(abspath $(VENV))/bin
STAMP   = $(VENV)/.lock-$(shell sha256sum $(LOCK) | cut -c1-16)
# What regbench is measured against has an environment of its own.
PEERS  ?= benchmarks/.venv
PEERLOCK    := benchmarks/requirements.txt
PEERSTAMP    = $(PEERS)/.lock-$(shell sha256sum $(PEERLOCK) | cut -c1-16)

export PATH := $(BIN):$(PATH)
export OMP_WAIT_POLICY := PASSIVE
export MLFLOW_DISABLE_TELEMETRY := true

.DEFAULT_GOAL := help
.PHONY: help install repro ui test check lock lock-peers bench clean

help: ## show this help
	@grep -hE '^[a-z-]+:.*## ' $(MAKEFILE_LIST) | awk -F ':.*## ' '{printf "  make %-10s %s\n", $$1, $$2}'

install: $(STAMP) ## create VENV (default .venv) with the locked packages

$(STAMP): $(LOCK)
	@echo "Installing the locked packages into $(VENV) (about 6 GB, a few minutes) ..."
	@rm -f $(VENV)/.lock-*
	@test -x $(BIN)/python || $(PYTHON) -m venv $(VENV)
	@$(BIN)/python -m pip install --quiet --require-hashes -r $(LOCK)
	@touch $@

lock: ## resolve pyproject.toml into requirements.txt (versions and hashes; needs uv on PATH)
	uv pip compile --quiet --universal --python-version 3.11 --generate-hashes --no-emit-index-url \
	    --no-annotate --no-header --extra test --output-file $(LOCK) pyproject.toml

bench: $(STAMP) $(PEERSTAMP) ## measure against peers and the machine's limit; RAW=PATH for other data (benchmarks/README.md)
	@$(BIN)/python -m benchmarks.run --peers $(PEERS) $(if $(RAW),--raw $(RAW)) $(BENCHFLAGS)

$(PEERSTAMP): $(PEERLOCK)
	@echo "Installing what regbench is measured against into $(PEERS) (about 8 GB, a few minutes) ..."
	@rm -f $(PEERS)/.lock-*
	@test -x $(PEERS)/bin/python || $(PYTHON) -m venv $(PEERS)
	@$(PEERS)/bin/python -m pip install --quiet --require-hashes -r $(PEERLOCK)
	@touch $@

lock-peers: ## resolve benchmarks/requirements.in into its lock file (needs uv on PATH)
	uv pip compile --quiet --universal --python-version 3.11 --generate-hashes --no-emit-index-url \
	    --no-annotate --no-header --output-file $(PEERLOCK) benchmarks/requirements.in
