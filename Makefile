# VENV may point to an environment that several clones share: its packages are installed again only if the lock file
# differs, and `regbench` in it is that of the clone that ran `make install` last. Other commands of make use their own.
VENV   ?= .venv
PYTHON ?= python3
PORT   ?= 5000
LOCK   := requirements.txt
BIN     = $(abspath $(VENV))/bin
STAMP   = $(VENV)/.lock-$(shell sha256sum $(LOCK) | cut -c1-16)
# Says which checkout the environment points to; its name changes with the checkout, the lock and the entry point.
CHECKOUT = $(VENV)/.checkout-$(shell { echo '$(CURDIR)'; cat $(LOCK) pyproject.toml; } | sha256sum | cut -c1-16)
# What regbench is measured against has an environment of its own.
PEERS  ?= benchmarks/.venv
PEERLOCK    := benchmarks/requirements.txt
PEERSTAMP    = $(PEERS)/.lock-$(shell sha256sum $(PEERLOCK) | cut -c1-16)

export PATH := $(BIN):$(PATH)
export PYTHONPATH := $(CURDIR)/src$(if $(PYTHONPATH),:$(PYTHONPATH))

.DEFAULT_GOAL := help
.PHONY: help install repro ui test test-slow test-all fuzz soak check lock lock-peers bench clean

help: ## show this help
	@grep -hE '^[a-z-]+:.*## ' $(MAKEFILE_LIST) | awk -F ':.*## ' '{printf "  make %-12s %s\n", $$1, $$2}'
	@printf '\nAll other commands: regbench --help\n'

install: $(CHECKOUT) ## create VENV (default .venv) with the locked packages and the command regbench

repro: install ## run the pipeline: whatever is out of date, then print the comparison
	@python -m regbench run

ui: install ## log missing results, then open the comparison in MLflow on 127.0.0.1:PORT (default 5000)
	@python -m regbench sync
	@exec python -m regbench ui --port $(PORT)

# Two processes: most tests wait for stages, servers and browsers that they started.
TESTFLAGS ?= -n 2 --dist loadfile
test: install ## run the tests, in minutes (browser tests need chromium, and say so where it is absent)
	@python -m pytest -m "not slow" $(TESTFLAGS)

# In the order of the files: xdist would begin with those of many tests, and end with the longest one alone.
test-slow: install ## run the tests that take longer: whole pipelines, kills, benchmarks
	@python -m pytest -m slow $(TESTFLAGS) --no-loadscope-reorder

test-all: test test-slow ## run all tests

INPUTS ?= 10000
SEED   ?= $(shell date +%s)
fuzz: install ## damage what readers read, INPUTS times per reader (default 10000), by a printed SEED
	@echo "fuzz: seed $(SEED), $(INPUTS) inputs per reader"
	@INPUTS=$(INPUTS) python -m pytest tests/fuzz --hypothesis-profile=fuzz --hypothesis-seed=$(SEED) --timeout=0 \
	    $(TESTFLAGS)

MINUTES ?= 60
soak: install ## run everything under faults for MINUTES (default 60), by a printed SEED, then check all invariants
	@folder=$$(mktemp -d) && PYTHONPATH="$(CURDIR)/tests:$$PYTHONPATH" \
	    python -m support.soak $$folder/project --minutes $(MINUTES) --seed $(SEED)

check: install ## lint, formatting, types and the direction of imports
	@ruff check .
	@ruff format --check .
	@mypy
	@lint-imports

lock: ## resolve pyproject.toml into requirements.txt (versions and hashes; needs uv on PATH)
	uv pip compile --quiet --universal --python-version 3.11 --generate-hashes --no-emit-index-url \
	    --no-annotate --no-header --extra test --output-file $(LOCK) pyproject.toml

clean: ## delete the environment and every output (DVC's cache stays)
	rm -rf $(VENV) data augmented tuned studies runs timings evaluation metrics reports submission*.csv exported \
	    ablation article cnn decide label-noise learning-curve race strong-baseline validation-curve mlflow.db* mlartifacts .regbench

$(STAMP): $(LOCK)
	@echo "Installing the locked packages into $(VENV) (about 6 GB, a few minutes) ..."
	@rm -f $(VENV)/.lock-*
	@test -x $(BIN)/python || $(PYTHON) -m venv $(VENV)
	@$(BIN)/python -m pip install --quiet --require-hashes -r $(LOCK)
	@touch $@

# The locked setuptools builds it, so that nothing is downloaded. Not with PYTHONPATH: pip would take src for installed.
$(CHECKOUT): $(STAMP)
	@rm -f $(VENV)/.checkout-*
	@PYTHONPATH= $(BIN)/python -m pip install --quiet --disable-pip-version-check --no-deps --no-build-isolation --editable .
	@echo '$(CURDIR)' > $@

bench: install $(PEERSTAMP) ## measure against peers and the machine's limit; RAW=PATH for other data (benchmarks/README.md)
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
