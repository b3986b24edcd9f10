# Commands for contributors. `make demo` and `make test` need only Python 3.11, git and make.
SHELL := /bin/bash
PYTHON ?= $(shell command -v python3.11 || command -v python3)
VENV := .venv
BIN := $(VENV)/bin
# Many tests wait for processes, so there are more workers than processors. Each worker needs about 200 MB.
WORKERS ?= $(shell cores=$$(getconf _NPROCESSORS_ONLN); echo $$((cores < 4 ? 2 * cores : 8)))
PIP := $(BIN)/python -m pip --disable-pip-version-check --quiet install

.PHONY: help venv demo test coverage mutants cluster-tools test-cluster test-browser check format bench crds lock clean

help: ## show this list
	@grep -hE '^[a-z-]+:.*## ' $(MAKEFILE_LIST) | awk -F ':.*## ' '{printf "  make %-14s %s\n", $$1, $$2}'

# Two stamps, because the demo does not need the test tools.
$(VENV)/.run: requirements.txt requirements-demo.txt requirements-build.txt pyproject.toml emulator/pyproject.toml
	@echo "setting up $(VENV) (once, about a minute)" >&2
	@test -x $(BIN)/python || $(PYTHON) -m venv $(VENV)
	@$(PIP) --require-hashes -r requirements-build.txt -r requirements.txt -r requirements-demo.txt
	@$(PIP) --no-deps --no-build-isolation -e . -e ./emulator
	@touch $@

$(VENV)/.dev: $(VENV)/.run requirements-dev.txt
	@echo "installing the test tools (once)" >&2
	@$(PIP) --require-hashes -r requirements-dev.txt
	@touch $@

venv: $(VENV)/.dev ## install everything into .venv

demo: $(VENV)/.run ## run the demo on this machine, without Azure or a cluster
	@$(BIN)/nsgb demo

test: $(VENV)/.dev ## run the fast tests (a few minutes)
	$(BIN)/python -m pytest -m "not cluster and not slow" -n $(WORKERS) --dist worksteal

coverage: $(VENV)/.dev ## run the fast tests and print their coverage
	$(BIN)/python -m pytest -m "not cluster and not slow" -n $(WORKERS) --dist worksteal --cov --cov-report=term

$(VENV)/.mutants: $(VENV)/.dev requirements-mutants.txt
	@$(PIP) --require-hashes -r requirements-mutants.txt
	@touch $@

mutants: $(VENV)/.mutants ## change the code in thousands of places and count what the tests notice [MODULE=core/remediation]
	@$(BIN)/python -m tests.mutants $(MODULE)

cluster-tools: $(VENV)/.dev ## build kube-apiserver and other tools for test-cluster (15 minutes, once)
	@$(BIN)/python -m tests.cluster.build_tools

test-cluster: cluster-tools ## run the slow tests and those with kube-apiserver, helm and Azure clients
	$(BIN)/python -m pytest -m "slow and not cluster" -n $(WORKERS) --dist worksteal
	$(BIN)/python -m pytest -m "cluster and not browser" -n 2 --dist loadfile

test-browser: $(VENV)/.dev ## run the tests of the HTML report in Chromium, or say that there is none
	@$(BIN)/python -m tests.browser

check: $(VENV)/.dev ## run ruff, mypy, import-linter, yamllint and proselint, messages of new commits
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy
	$(BIN)/lint-imports
	$(BIN)/yamllint --strict .
	$(BIN)/proselint check --config .proselint.json README.md SECURITY.md CHANGELOG.md CONTRIBUTING.md docs/*.md
	$(BIN)/python -m tests.house.commits

format: $(VENV)/.dev ## format, and apply automatic fixes of ruff
	$(BIN)/ruff check --fix .
	$(BIN)/ruff format .

bench: $(VENV)/.dev ## run the benchmarks, which print ratios
	@for file in benchmarks/bench_*.py; do $(BIN)/python -m benchmarks.$$(basename $$file .py) || exit 1; done

crds: $(VENV)/.run ## write crds/ and the chart's copy from the models
	$(BIN)/python -m nsg_baseline.api.crds crds charts/nsg-baseline-operator/files/crds

lock: ## pin all requirements with hashes (needs uv)
	uv pip compile -q $(LOCK) --group build -o requirements-build.txt
	uv pip compile -q $(LOCK) pyproject.toml -o requirements.txt
	uv pip compile -q $(LOCK) --group demo -c requirements.txt -o requirements-demo.txt
	uv pip compile -q $(LOCK) --group dev -c requirements.txt -c requirements-demo.txt pyproject.toml -o requirements-dev.txt
	uv pip compile -q $(LOCK) --group mutants -c requirements-dev.txt -o requirements-mutants.txt
LOCK := --generate-hashes --universal --python-version 3.11 --no-emit-index-url --no-header --no-annotate

clean: ## remove the environment, caches and builds
	rm -rf $(VENV) .mypy_cache .pytest_cache .ruff_cache .hypothesis build dist
