# Every verb sets up what it needs. PYTHON may name another interpreter (3.11 or newer).
PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
NPM_PACKAGES := node_modules/.installed

.PHONY: serve test check lint types contract bench bugs false-alarms vocabularies clean

# All four providers on http://127.0.0.1:8000; ARGS takes the flags of `fakeserver serve`.
serve: $(VENV)/.serve
	$(BIN)/fakeserver serve $(ARGS)

test: $(VENV)/.dev $(NPM_PACKAGES)
	$(BIN)/python -m pytest -n auto $(ARGS)

check: lint types test

lint: $(VENV)/.dev
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .

types: $(VENV)/.dev
	$(BIN)/mypy

# make contract PROVIDER=prime BASE_URL=https://… TOKEN=… [ORG=…] [ARGS=…]
contract: $(VENV)/.dev
	@FAKESERVER_TOKEN="$(TOKEN)" $(BIN)/fakeserver check $(PROVIDER) --base-url "$(BASE_URL)" $(if $(ORG),--org $(ORG)) $(ARGS)

bench: $(VENV)/.dev
	$(BIN)/python -m benchmarks $(ARGS)

bugs: $(VENV)/.dev
	$(BIN)/python -m contract_tests.planted $(ARGS)

false-alarms: $(VENV)/.dev
	$(BIN)/python -m contract_tests.planted.false_alarms $(ARGS)

vocabularies: $(VENV)/.dev
	$(BIN)/python fixtures/vocabularies.py $(ARGS) > fixtures/vocabularies.new && mv fixtures/vocabularies.new fixtures/vocabularies.yaml

clean:
	rm -rf $(VENV) node_modules dist build .pytest_cache .mypy_cache .ruff_cache .hypothesis

$(BIN)/python:
	$(PYTHON) -c 'import sys; sys.exit(None if sys.version_info >= (3, 11) else "Python 3.11 or newer is needed; PYTHON=… names one")'
	$(PYTHON) -m venv $(VENV)

$(VENV)/.serve: pyproject.toml | $(BIN)/python
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --editable .
	touch $@

$(VENV)/.dev: pyproject.toml | $(BIN)/python
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --editable '.[dev]'
	touch $@ $(VENV)/.serve

# The OpenAPI linter and a provider's JavaScript SDK; without npm their tests are skipped and say so.
$(NPM_PACKAGES): package.json
	@mkdir -p node_modules
	@if command -v npm >/dev/null; then npm install --no-audit --no-fund --loglevel=error; else echo 'npm is not installed: its tests will be skipped'; fi
	@touch $@
