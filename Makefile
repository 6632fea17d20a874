# VENV may point to an environment that several clones share: it is reused only while the lock file is the same.
VENV   ?= .venv
PYTHON ?= python3
PORT   ?= 5000
LOCK   := requirements.txt
BIN     = $(abspath $(VENV))/bin
STAMP   = $(VENV)/.lock-$(shell sha256sum $(LOCK) | cut -c1-16)

export PATH := $(BIN):$(PATH)
export OMP_WAIT_POLICY := PASSIVE
export MLFLOW_DISABLE_TELEMETRY := true

.DEFAULT_GOAL := help
.PHONY: help install repro track ui test check lock clean

help: ## show this help
	@grep -hE '^[a-z-]+:.*## ' $(MAKEFILE_LIST) | awk -F ':.*## ' '{printf "  make %-10s %s\n", $$1, $$2}'

install: $(STAMP) ## create VENV (default .venv) with the locked packages

# What is logged: the same folders as in dvc.yaml's stage track.
TRACKED := data runs timings evaluation reports

track: install ## log to MLflow whatever it lacks (store: MLFLOW_TRACKING_URI, default mlflow.db)
	@$(BIN)/python -m stages.track $(TRACKED) --strict

ui: track ## open the comparison in MLflow: starts it on 127.0.0.1:PORT (default 5000)
	@exec $(BIN)/python -m stages.ui --port $(PORT)

$(STAMP): $(LOCK)
	@echo "Installing the locked packages into $(VENV) (about 6 GB, a few minutes) ..."
	@rm -f $(VENV)/.lock-*
	@test -x $(BIN)/python || $(PYTHON) -m venv $(VENV)
	@$(BIN)/python -m pip install --quiet --require-hashes -r $(LOCK)
	@touch $@

lock: ## resolve pyproject.toml into requirements.txt (versions and hashes; needs uv on PATH)
	uv pip compile --quiet --universal --python-version 3.11 --generate-hashes --no-emit-index-url \
	    --no-annotate --no-header --extra test --output-file $(LOCK) pyproject.toml
