# Every verb sets up what it needs. PYTHON may name another interpreter (3.11 or newer).
PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
NPM_PACKAGES := node_modules/.installed
LOCK := requirements/dev.lock
OTHER_SDKS := prime-0.18.0 prime-sandboxes-0.2.39
OTHER := $(OTHER_SDKS:%=.sdks/%/.installed)
LOWEST := .venv-lowest
RELEASE := .venv-release
LOWEST_TESTS := tests/unit tests/api tests/kit/laws tests/kit/sending tests/kit/conformance tests/kit/reporting
COVERED := 95
# Half as many again as there are cores, since a quarter of the time tests wait for a server, a browser or a process.
WORKERS = $(shell $(PYTHON) -c 'import os; print(max(2, os.cpu_count() * 3 // 2))')
PIP := $(BIN)/python -m pip install --quiet --disable-pip-version-check --constraint $(LOCK)

.PHONY: serve quick test soak docs pages check lint types contract bench bugs false-alarms vocabularies lock lowest hooks release-check clean

# All four providers on http://127.0.0.1:8000; ARGS takes the flags of `fakeserver serve`.
serve: $(VENV)/.serve
	$(BIN)/fakeserver serve $(ARGS)

# While you write: what neither starts a process nor opens a socket nor takes over half a second, of these folders, with
# a tenth of the random examples and without the plugin of Schemathesis, which none of these tests uses.
quick: $(VENV)/.dev
	FAKESERVER_EXAMPLES=0.1 $(BIN)/python -m pytest -p no:schemathesis -n auto -q -m 'not slow and not soak' tests/unit tests/house tests/kit/laws tests/kit/judging $(ARGS)

# Some images say that no compiled module is kept: each of the hundreds of processes that the tests start would compile
# the server anew, and each worker the tests.
quick test: export PYTHONDONTWRITEBYTECODE :=

# The whole suite; with COVERAGE=1 it is measured, and fails where too few lines of the server or of the kit are run.
test: $(VENV)/.dev $(NPM_PACKAGES) $(OTHER)
ifdef COVERAGE
	$(BIN)/coverage erase
	$(BIN)/coverage run -m pytest -n $(WORKERS) --dist worksteal $(ARGS)
	$(BIN)/coverage combine --quiet
	$(BIN)/coverage report --skip-covered --include 'fakeserver/*' --fail-under $(COVERED)
	$(BIN)/coverage report --skip-covered --include 'contract_tests/*' --fail-under $(COVERED)
else
	$(BIN)/python -m pytest -n $(WORKERS) --dist worksteal $(ARGS)
endif

# What counts in thousands, for an hour and a half or more; writes benchmarks/SOAK.md.
soak: $(VENV)/.dev $(NPM_PACKAGES) $(OTHER)
	$(BIN)/python -m benchmarks.soak $(ARGS)

# The pages that are made of specs and tables, and the site (site/); a dead link stops it. The theme is kept up until May
# 2027 and says so each time; Zensical, which follows it, reads the same mkdocs.yml.
docs: $(VENV)/.dev
	$(BIN)/python -m fakeserver states > docs/states.md
	$(BIN)/python .ci/pages.py
	NO_MKDOCS_2_WARNING=1 $(BIN)/mkdocs build --quiet --strict $(ARGS)

# The page that the tests of the SDKs write, and the picture of the console.
pages: $(VENV)/.dev $(NPM_PACKAGES) $(OTHER)
	FAKESERVER_SDK_TABLE=docs/sdks.md $(BIN)/python -m pytest -q -n 0 tests/clients $(ARGS)
	FAKESERVER_PICTURE=docs/explorer.png $(BIN)/python -m pytest -q -n 0 tests/console/test_console_page.py

check: lint types test

lint: $(VENV)/.dev
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .

# On the systems that the tests do not run on, the server and the kit at least use what Python has there.
types: $(VENV)/.dev
	$(BIN)/mypy
	$(BIN)/mypy --platform win32 --cache-dir .mypy_cache/win32 fakeserver contract_tests
	$(BIN)/mypy --platform darwin --cache-dir .mypy_cache/darwin fakeserver contract_tests

# make contract PROVIDER=prime BASE_URL=https://… TOKEN=… [ORG=…] [ARGS=…]
contract: $(VENV)/.dev
	@FAKESERVER_TOKEN="$(TOKEN)" $(BIN)/fakeserver check $(PROVIDER) --base-url "$(BASE_URL)" $(if $(ORG),--org $(ORG)) $(ARGS)

bench: $(VENV)/.dev
	$(BIN)/python -m benchmarks $(ARGS)
	$(if $(ARGS),,$(BIN)/python -m benchmarks.stores)

bugs: $(VENV)/.dev
	$(BIN)/python -m contract_tests.planted $(ARGS)

false-alarms: $(VENV)/.dev
	$(BIN)/python -m contract_tests.planted.false_alarms $(ARGS)

# What git checks before a commit.
hooks: $(VENV)/.dev
	$(BIN)/pre-commit install

# The versions that everybody develops with; ARGS=--upgrade takes the newest that pyproject.toml allows.
lock: $(BIN)/uv
	$(BIN)/uv pip compile --quiet --universal --python-version 3.11 --extra dev --no-annotate --no-emit-index-url \
		--no-emit-find-links --custom-compile-command 'make lock' --output-file $(LOCK) $(ARGS) pyproject.toml
	for each in $(OTHER_SDKS); do echo "$$each" | sed 's/-\([0-9.]*\)$$/==\1/' | \
		$(BIN)/uv pip compile --quiet --universal --python-version 3.11 --no-annotate --no-emit-index-url \
		--no-emit-find-links --custom-compile-command 'make lock' --output-file requirements/$$each.lock $(ARGS) -; done

# The oldest versions that pyproject.toml allows: the server in whole, and of the kit what leans on other packages. More
# random examples would tell of our code, not of theirs.
lowest: $(BIN)/uv
	$(BIN)/uv venv --quiet --clear --seed --python $(BIN)/python $(LOWEST)
	$(BIN)/uv pip install --quiet --python $(LOWEST) --resolution lowest-direct --editable '.[dev]'
	FAKESERVER_EXAMPLES=0.1 $(LOWEST)/bin/python -m pytest -n $(WORKERS) --dist worksteal -q -p no:cacheprovider $(LOWEST_TESTS) $(ARGS)

# What a release must pass; leaves what is published in dist/. ARGS="--tag v1.2.3" is the release itself.
release-check: $(RELEASE)/.installed
	$(RELEASE)/bin/python .ci/release.py $(ARGS)

$(RELEASE)/.installed: $(LOCK)
	$(PYTHON) -m venv --clear $(RELEASE)
	$(RELEASE)/bin/python -m pip install --quiet --disable-pip-version-check --constraint $(LOCK) build hatchling twine cyclonedx-bom
	@touch $@

vocabularies: $(VENV)/.dev
	$(BIN)/fakeserver vocabularies --out fixtures/vocabularies.yaml --overwrite $(ARGS)

clean:
	rm -rf $(VENV) $(LOWEST) $(RELEASE) .sdks node_modules dist build site .coverage .coverage.* .pytest_cache .mypy_cache .ruff_cache .hypothesis

$(BIN)/python:
	$(PYTHON) -c 'import sys; sys.exit(None if sys.version_info >= (3, 11) else "Python 3.11 or newer is needed; PYTHON=… names one")'
	$(PYTHON) -m venv $(VENV)

# SDKs that cannot stand beside those of the suite: another version of one, and one with too many dependencies. Tests of
# one that is not there, since its index cannot be reached or it is for no such Python, are skipped and say so.
.sdks/%/.installed: requirements/%.lock | $(BIN)/python
	rm -rf $(@D)
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --no-deps --target $(@D) --requirement $< || \
		echo '$* could not be installed: its tests will be skipped'
	@mkdir -p $(@D) && touch $@

$(BIN)/uv: | $(BIN)/python
	$(PIP) uv

$(VENV)/.serve: pyproject.toml $(LOCK) | $(BIN)/python
	$(PIP) --editable '.[commands,intercept,fast]'
	touch $@

$(VENV)/.dev: pyproject.toml $(LOCK) | $(BIN)/python
	$(PIP) --editable '.[dev]'
	touch $@ $(VENV)/.serve

# The OpenAPI linter, a provider's JavaScript SDK and TypeScript; without npm their tests are skipped and say so.
$(NPM_PACKAGES): package.json
	@mkdir -p node_modules
	@if command -v npm >/dev/null; then npm install --no-audit --no-fund --loglevel=error; else echo 'npm is not installed: its tests will be skipped'; fi
	@touch $@
