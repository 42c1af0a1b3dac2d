# Two commands do everything: `make demo` and `make test`. Both set up what they need.
PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
UV := $(BIN)/uv
STAMP := $(VENV)/.ready

.PHONY: setup demo test test-fast lint bench lock clean

setup: $(STAMP)

# --compile-bytecode makes Dagster start three times faster, whatever
# PYTHONDONTWRITEBYTECODE says on this machine.
$(STAMP): requirements.txt pyproject.toml
	@echo "setting up $(VENV), once"
	@test -x $(BIN)/python || $(PYTHON) -m venv $(VENV)
	@test -x $(UV) || $(BIN)/python -m pip install --quiet --disable-pip-version-check uv
	@VIRTUAL_ENV=$(CURDIR)/$(VENV) $(UV) pip install --quiet --require-hashes --compile-bytecode --requirement requirements.txt
	@VIRTUAL_ENV=$(CURDIR)/$(VENV) $(UV) pip install --quiet --no-deps --editable .
	@touch $(STAMP)

demo: setup
	@$(BIN)/davylamp demo $(ARGS)

test: lint
	$(BIN)/python -m pytest $(ARGS)

test-fast: setup
	$(BIN)/python -m pytest -m "not server" $(ARGS)

lint: setup
	$(BIN)/ruff format --check .
	$(BIN)/ruff check .
	$(BIN)/lint-imports --no-cache
	$(BIN)/pyright

bench: setup
	$(BIN)/python -m benchmarks $(ARGS)

# After a change of the dependencies in pyproject.toml.
lock: setup
	$(UV) pip compile --quiet --upgrade --generate-hashes --universal --python-version 3.11 \
	  --no-annotate --no-header --no-emit-index-url --no-emit-find-links \
	  --group dev --extra kubernetes pyproject.toml -o requirements.txt

clean:
	rm -rf $(VENV) .pytest_cache .ruff_cache .hypothesis
