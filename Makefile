# `make demo` and `make test` are all that a newcomer needs; both set up .venv first, once.

SHELL := /bin/bash -o pipefail
.DEFAULT_GOAL := help
.PHONY: help setup demo test lint screenshots bench gpu-bench gpu-check gpu-calibrate clean

PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
READY := $(VENV)/.ready

help: ## this list
	@sed -n 's/^\([a-z-]*\):.*## /\1\t/p' $(MAKEFILE_LIST) | while IFS=$$'\t' read -r name text; do \
		printf '  make %-13s %s\n' "$$name" "$$text"; done

demo: setup ## the embedded demo in the terminal: no download of weights, no GPU
	@$(BIN)/pilothouse demo

test: lint ## everything that CI checks: style, types, import rules, tests
	OMP_NUM_THREADS=1 HF_HUB_OFFLINE=1 $(BIN)/python -m pytest -n 2 --dist loadscope $(PYTEST)

lint: setup ## style, types and import rules alone
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy
	$(BIN)/lint-imports --no-cache --no-logo

screenshots: setup ## screenshots/ anew, from real runs
	OMP_NUM_THREADS=1 HF_HUB_OFFLINE=1 $(BIN)/python tests/screenshots/make.py

bench: setup ## measure the interface and the engine; writes the table in RESULTS.md
	OMP_NUM_THREADS=1 HF_HUB_OFFLINE=1 $(BIN)/python -m tests.bench

gpu-check: setup ## the same on an NVIDIA card: demo, a 1.5B shape in nf4, the memory panel against nvidia-smi
	$(BIN)/python -m tests.gpu && $(BIN)/python -m tests.gpu.survive

gpu-bench: setup ## on an NVIDIA card: the engine against bare TRL, 1.5B and 8B shapes in nf4; writes into RESULTS.md
	$(BIN)/python -m tests.gpu.versus

gpu-calibrate: setup ## on an NVIDIA card: planned against measured memory for fifteen shapes of 0.5B to 8B
	$(BIN)/python -m tests.gpu.calibrate

setup: $(READY) ## .venv with everything in it; instant the second time

$(READY): pyproject.toml constraints.txt
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' 2>/dev/null || { \
		echo "Pilothouse needs Python 3.11 or newer; '$(PYTHON)' is $$($(PYTHON) --version 2>/dev/null || echo not there)."; \
		echo "Name another one: make $(MAKECMDGOALS) PYTHON=/path/to/python3.12"; exit 2; }
	@$(BIN)/python -m pip --version >/dev/null 2>&1 || $(PYTHON) -m venv --clear $(VENV)
	@echo "Installing into $(VENV): once, a few minutes, mostly torch."
	@$(BIN)/python -m pip install --disable-pip-version-check --progress-bar off -c constraints.txt -e '.[dev]' \
		2> >(grep -v '^WARNING' >&2) \
		| awk '/^ *(Downloading|Using cached) .* MB\)$$/ || /^Processing .*\.whl$$/ { \
			sub(/^ *(Downloading|Using cached|Processing) /, ""); sub(/^[^ ]*\//, ""); print "  " $$0; fflush() } \
			/^Installing collected/ { print "  unpacking ..."; fflush() }'
	@touch $@

clean: ## remove .venv and every cache; runs stay
	rm -rf $(VENV) build *.egg-info .mypy_cache .ruff_cache .pytest_cache .import_linter_cache
	find . -name __pycache__ -type d -prune -exec rm -rf {} +
