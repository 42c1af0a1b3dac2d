# Two commands do everything: `make demo` and `make test`. Both set up what they need.
PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
UV := $(BIN)/uv
STAMP := $(VENV)/.ready
BY_FILE := --dist loadscope --no-loadscope-reorder

# Whatever it says on this machine: without written bytecode each start of the command line, and
# there are hundreds in the tests, compiles everything anew.
export PYTHONDONTWRITEBYTECODE :=

.PHONY: setup demo test test-fast lint bench calibrate record lock clean

setup: $(STAMP)

# Everything is pinned with hashes, uv and the build backend too. A .venv without pip is a half-made
# one (Debian's python3 without python3-venv leaves it behind): it is made anew.
# --compile-bytecode makes Dagster start three times faster.
$(STAMP): requirements.txt pyproject.toml
	@echo "setting up $(VENV), once"
	@$(BIN)/python -m pip --version >/dev/null 2>&1 || { rm -rf $(VENV); $(PYTHON) -m venv $(VENV); } || { \
	  rm -rf $(VENV); \
	  echo "$(PYTHON) can't make $(VENV), and what it left was removed. On Debian: apt-get install python3-venv" >&2; \
	  exit 1; }
	@sed -n '/^uv==/,/[^\\]$$/p' requirements.txt > $(VENV)/uv.txt
	@$(BIN)/python -m pip install --quiet --disable-pip-version-check --no-deps --require-hashes --requirement $(VENV)/uv.txt
	@VIRTUAL_ENV=$(CURDIR)/$(VENV) $(UV) pip install --quiet --require-hashes --compile-bytecode --requirement requirements.txt
	@VIRTUAL_ENV=$(CURDIR)/$(VENV) $(UV) pip install --quiet --no-deps --no-build-isolation --editable .
	@touch $(STAMP)

demo: setup
	@$(BIN)/davylamp demo $(ARGS)

test: lint
	$(BIN)/python -m pytest -n 3 $(BY_FILE) $(ARGS)

test-fast: setup
	$(BIN)/python -m pytest -n 2 $(BY_FILE) -m "not server and not slow" $(ARGS)

lint: setup
	$(BIN)/ruff format --check .
	$(BIN)/ruff check .
	$(BIN)/lint-imports --no-cache
	$(BIN)/pyright

bench: setup
	$(BIN)/python -m benchmarks $(ARGS)

# Thousands of streams on the seeds kept for reporting; `ARGS=--tuning` for those to tune on.
calibrate: setup
	$(BIN)/python -m benchmarks.judge_calibration $(ARGS)

# Real services behind a real Envoy, recorded as stream files.
record: setup
	$(BIN)/python -m benchmarks.calibration.record $(ARGS)

# After a change of the dependencies in pyproject.toml.
lock: setup
	$(UV) pip compile --quiet --upgrade --generate-hashes --universal --python-version 3.11 \
	  --no-annotate --no-header --no-emit-index-url --no-emit-find-links \
	  --group dev --extra kubernetes pyproject.toml -o requirements.txt

clean:
	rm -rf $(VENV) .pytest_cache .ruff_cache .hypothesis
