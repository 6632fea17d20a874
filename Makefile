# VENV may point to an environment that several clones share: it is reused only while the lock file is the same.
VENV   ?= .venv
PYTHON ?= python3
PORT   ?= 5000
DASHBOARD_PORT ?= 8080
STUDIES = .regbench/studies.journal
LOCK   := requirements.txt
BIN     = $(abspath $(VENV))/bin
STAMP   = $(VENV)/.lock-$(shell sha256sum $(LOCK) | cut -c1-16)
# What regbench is measured against has an environment of its own.
PEERS  ?= benchmarks/.venv
PEERLOCK    := benchmarks/requirements.txt
PEERSTAMP    = $(PEERS)/.lock-$(shell sha256sum $(PEERLOCK) | cut -c1-16)

export PATH := $(BIN):$(PATH)

# What is logged: the same folders as in dvc.yaml's stage track.
TRACKED := data tuned studies runs timings evaluation reports

.DEFAULT_GOAL := help
.PHONY: help install repro sync watch ui show dashboard retrain rollback predict article interactions sizes yardstick test check lock lock-peers bench clean

help: ## show this help
	@grep -hE '^[a-z-]+:.*## ' $(MAKEFILE_LIST) | awk -F ':.*## ' '{printf "  make %-12s %s\n", $$1, $$2}'

install: $(STAMP) ## create VENV (default .venv) with the locked packages

repro: install ## run the pipeline: whatever is out of date, then print the comparison
	@dvc repro
	@printf '\n'; cat reports/comparison.md
	@printf '\nReport: reports/comparison.html (opens offline)\nMLflow: make ui (brings it up to date and prints the address of the side-by-side comparison)\n'

sync: install ## log to MLflow whatever it lacks (store: MLFLOW_TRACKING_URI, default mlflow.db)
	@python -m stages.track $(TRACKED) --strict

watch: install ## show running trainings in MLflow, epoch by epoch, while `dvc repro` goes on elsewhere
	@exec python -m stages.watch .regbench/live

ui: sync ## open the comparison in MLflow: starts it on 127.0.0.1:PORT (default 5000)
	@exec python -m stages.ui --port $(PORT)

show: install ## how to make an MLflow run again: RUN=ID, as MLflow's page shows it
	@test -n "$(RUN)" || { echo "make show: needs RUN=ID, the id of an MLflow run" >&2; exit 2; }
	@python -m stages.show "$(RUN)" tuned

dashboard: install ## open the searches in optuna-dashboard on 127.0.0.1:DASHBOARD_PORT (default 8080)
	@exec optuna-dashboard --host 127.0.0.1 --port $(DASHBOARD_PORT) $(STUDIES)

retrain: install ## new data in, a better champion out, or nothing changed (docs/retraining.md); RETRAINFLAGS=--force
	@python -m stages.retrain $(TRACKED) retraining --zero $(RETRAINFLAGS)

rollback: install ## put the champion before this one back, with a record of its own; REASON="a sentence"
	@python -m stages.rollback $(TRACKED) retraining $(if $(REASON),--reason "$(REASON)")

predict: install ## label the unlabelled images of RAW=PATH (Test/Test.csv) by the champion, or MODEL=runs/VARIANT
	@test -n "$(RAW)" || { echo "make predict: needs RAW=PATH, a folder or .zip with Test/Test.csv" >&2; exit 2; }
	@python -m stages.predict "$(RAW)" submission.csv $(if $(MODEL),--model "$(MODEL)")

article: install ## judge the tutorial's claims by its own protocol: RAW=PATH, SEEDS="128 129 ..." (default 5)
	@test -n "$(RAW)" || { echo "make article: needs RAW=PATH, a folder or .zip of images with labels" >&2; exit 2; }
	@python -m stages.article "$(RAW)" article $(if $(SEEDS),--seeds $(SEEDS))

interactions: install ## add one strength, leave one out: VARIANT=cocktail, RAW=PATH for other data than data/
	@test -n "$(VARIANT)" || { echo "make interactions: needs VARIANT=NAME, a variant of params.yaml" >&2; exit 2; }
	@python -m stages.interactions "$(VARIANT)" "interactions/$(VARIANT)" $(if $(RAW),--raw "$(RAW)")

SIZES ?= 500 1000 3000
sizes: install ## error against the number of train images: SIZES="500 1000", VARIANTS="l2 ...", RAW=PATH
	@python -m stages.sizes sizes $(SIZES) $(if $(VARIANTS),--variants $(VARIANTS)) $(if $(RAW),--raw "$(RAW)")

yardstick: install ## how good the network can get: the variants of PRESET (presets/yardstick.yaml) on RAW=PATH
	@test -n "$(RAW)" || { echo "make yardstick: needs RAW=PATH, a folder or .zip of images with labels" >&2; exit 2; }
	@python -m stages.yardstick "$(RAW)" yardstick $(if $(PRESET),--params "$(PRESET)")

# Two processes: most tests wait for stages, servers and browsers that they started.
TESTFLAGS ?= -n 2 --dist loadfile
test: install ## run all tests (browser tests need chromium, and say so where it is absent)
	@python -m pytest $(TESTFLAGS)

check: install ## lint, formatting, types and the direction of imports
	@ruff check .
	@ruff format --check .
	@mypy
	@PYTHONPATH=src lint-imports

lock: ## resolve pyproject.toml into requirements.txt (versions and hashes; needs uv on PATH)
	uv pip compile --quiet --universal --python-version 3.11 --generate-hashes --no-emit-index-url \
	    --no-annotate --no-header --extra test --output-file $(LOCK) pyproject.toml

clean: ## delete the environment and every output (DVC's cache stays)
	rm -rf $(VENV) data augmented tuned studies runs timings evaluation metrics reports submission*.csv article interactions sizes yardstick mlflow.db* mlartifacts .regbench

$(STAMP): $(LOCK)
	@echo "Installing the locked packages into $(VENV) (about 6 GB, a few minutes) ..."
	@rm -f $(VENV)/.lock-*
	@test -x $(BIN)/python || $(PYTHON) -m venv $(VENV)
	@$(BIN)/python -m pip install --quiet --require-hashes -r $(LOCK)
	@touch $@

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
