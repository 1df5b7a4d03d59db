# `make run` starts everything, `make test` tests everything; each sets up what it needs.
PYTHON := .venv/bin/python
ARGS :=
SDK_SUITE := tests/contract/test_sdk_suite.py::test_the_python_sdks_own_suite_passes

.PHONY: help run sdk-profile test check static format lock clean

help:
	@echo "make run     start the hub with a demo page; Ctrl-C stops it (data stays in HUB_DATA_DIR, default .hub)"
	@echo "make sdk-profile PROFILE=py|js"
	@echo "             serve the hub on port 8000 as the test suites of the Centrifugo SDKs want it; keeps nothing"
	@echo "make test    all checks and tests (ARGS='-k words' picks some)"
	@echo "make test-long   the faults and crowds that take minutes"
	@echo "make bench   what one delivery costs, beside other servers and a C loop (about 10 minutes)"
	@echo "make check   the fast half: lint, types, import contracts, unit and property tests"
	@echo "make format  format the code"
	@echo "make lock    resolve the pins again from pyproject.toml (ARGS='--upgrade' renews them)"
	@echo "make clean   remove everything that was made here, except the data"

# Ends with make, even when make is killed: the launcher asks the kernel for a SIGTERM then.
run:
	@.ci/setup run && exec $(PYTHON) -I -S hub/children/launch.py $$PPID 15 - - $(PYTHON) -m hub up

# For the SDKs' own test suites; ends with make, as above.
sdk-profile:
	@.ci/setup run && exec $(PYTHON) -I -S hub/children/launch.py $$PPID 15 - - deploy/sdk/serve "$(PROFILE)"

# The Python SDK's own suite comes first and alone: some of its tests count on answers within milliseconds.
test: static
	@.ci/install-tools.sh || echo "make test: tests of what is missing are skipped, and say so"
	@$(if $(ARGS),,$(PYTHON) -m pytest -q $(SDK_SUITE))
	@$(PYTHON) -m pytest -n 2 --dist worksteal $(if $(ARGS),,--deselect=$(SDK_SUITE)) $(ARGS)

test-long: static
	@$(PYTHON) -m pytest -n 2 --dist worksteal -m long $(ARGS)

bench:
	@.ci/setup dev
	@$(PYTHON) -m benchmarks.fanout $(ARGS)

check: static
	@$(PYTHON) -m pytest -q tests/unit tests/property $(ARGS)

static:
	@.ci/setup dev
	@$(PYTHON) -m ruff check --quiet .
	@$(PYTHON) -m ruff format --quiet --check .
	@$(PYTHON) -m mypy --no-error-summary
	@.ci/lint-imports

format:
	@.ci/setup dev
	@$(PYTHON) -m ruff check --quiet --fix-only .
	@$(PYTHON) -m ruff format --quiet .

lock:
	@.ci/setup dev
	@.ci/lock $(ARGS)

clean:
	rm -rf .venv .build .pytest_cache .mypy_cache .ruff_cache .hypothesis .import_linter_cache
	find . -name __pycache__ -type d -prune -exec rm -rf {} +
