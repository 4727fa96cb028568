# Everything a user of TaskGuard types. `make help` lists it.
SHELL := /bin/sh
.SHELLFLAGS := -eu -c
.DEFAULT_GOAL := help

PYTHON ?= python3
VENV ?= .venv
STAGE ?= dev
TASKS ?= 30
# Under this seed one of 30 tasks ends in the dead-letter queue. Empty, failures are random.
SEED ?= 2026
OUT ?=
# How many processes run tests of the pipeline at once: as many as the waits on one engine leave room for.
WORKERS ?= 6
# How many times as fast the clock of the tested engine runs while the pipeline only waits.
CLOCK_SCALE ?= 60
REGION ?= eu-central-1
# How many requests `make test-edge` makes, about.
CASES ?= 2000
# Who may call the API of a deployed stage: none, apiKey or iam. Empty, serverless.yml decides.
API_AUTH ?=
# A folder for the tests' JUnit reports, one for each run of pytest.
JUNIT ?=

BIN := $(VENV)/bin
# What takes long replaces its shell, so that a signal which ends make reaches it.
junit = $(if $(JUNIT),--junitxml "$(JUNIT)/$(1).xml")
export UV_PYTHON := $(BIN)/python
export NPM_CONFIG_UPDATE_NOTIFIER := false
unit-parts := unit-rest unit-taskguard unit-waiting
output-sync := $(if $(filter output-sync,$(.FEATURES)),-O)
# Each process would compile all that it imports anew.
unexport PYTHONDONTWRITEBYTECODE

.PHONY: help setup grade test-local test-slow test-heavy test-mutants test-mutants-graded test-services test-docker test-ministack image test-installed test-unit test-programs $(unit-parts) unit-beside pipeline test-packaging test-browser test-edge conformance test-conformance test-faults test-aws privileges up down lint docs scan audit clean deploy remove lock

help: ## list the commands
	@awk -F ':.*## ' '/^[a-z-]+:.*## / { printf "  make %-14s %s\n", $$1, $$2 }' $(MAKEFILE_LIST)

grade: setup ## deploy the pipeline to LocalStack and grade a run (SEED=, TASKS=, OUT=)
	@exec $(BIN)/taskguard grade --tasks "$(TASKS)" $(if $(SEED),--seed "$(SEED)") $(if $(OUT),--out "$(OUT)")

test-local: setup ## run the tests: the engine and the pipeline, faster than the clock, and unit tests while they wait
	@exec $(MAKE) --no-print-directory -j 4 unit-beside pipeline

# The engine is waited for longest: all else yields to it, but not so much that what it waits for itself comes too late.
unit-beside:
	@exec nice -n 5 $(MAKE) --no-print-directory $(output-sync) $(unit-parts)

pipeline:
	@exec $(BIN)/python -m pytest tests/engine tests/pipeline -q -m "not heavy and not documented" --taskguard-clock-scale $(CLOCK_SCALE) -n $(WORKERS) --maxschedchunk 1 --engine-ahead $(call junit,pipeline)

test-slow: test-programs test-packaging test-heavy ## run the other tests: real programs; the package and the template; engines of their own, in real time

test-heavy: setup
	@echo "== those that keep both cores busy, in real time"
	@exec $(BIN)/python -m pytest tests/engine tests/pipeline -q -m heavy -n 3 --maxschedchunk 1 $(call junit,heavy)

test-mutants: setup ## run broken variants of the pipeline, each of which must be rejected by the check that is meant for it
	@echo "== all of them, their waiting shortened $(CLOCK_SCALE) times"
	@exec $(BIN)/python -m pytest tests/mutants -q -m "not heavy and not graded" --taskguard-clock-scale $(CLOCK_SCALE) $(call junit,mutants)
	@echo "== some of them in real time"
	@exec $(BIN)/python -m pytest tests/mutants -q -m heavy $(call junit,mutants-in-real-time)

test-mutants-graded: setup ## try all of them with what a default `taskguard grade` hands in (minutes)
	@exec $(BIN)/python -m pytest tests/mutants -q -m graded --taskguard-clock-scale $(CLOCK_SCALE) $(call junit,mutants-graded)

test-services: setup ## grade services that are not ours, sound and broken, each of which must get the grade that it deserves
	@exec $(BIN)/python -m pytest tests/services -q --taskguard-clock-scale $(CLOCK_SCALE) -n 3 --maxschedchunk 1 $(call junit,services)

test-docker: setup ## run the pipeline's tests on LocalStack in Docker (LOCALSTACK_IMAGE=, by default the public image)
	@$(BIN)/python -m taskguard.targets.docker
	@exec $(BIN)/python -m pytest tests/docker tests/pipeline -q --taskguard-target docker -m "not heavy and not in_process" -n $(WORKERS) --maxschedchunk 1 $(call junit,docker)
	@exec $(BIN)/python -m pytest tests/docker tests/pipeline -q --taskguard-target docker -m "heavy and not in_process" -n 3 --maxschedchunk 1 $(call junit,docker-heavy)

test-ministack: setup ## run the pipeline's tests on MiniStack, which is installed on first use
	@exec $(BIN)/python -m pytest tests/ministack tests/pipeline -q --taskguard-target ministack -m "not heavy and not in_process" -n $(WORKERS) --maxschedchunk 1 $(call junit,ministack)
	@exec $(BIN)/python -m pytest tests/ministack tests/pipeline -q --taskguard-target ministack -m "heavy and not in_process" -n 3 --maxschedchunk 1 $(call junit,ministack-heavy)

image: setup ## build the image that stands in for the public one, from packages alone (as root)
	@VENV=$(VENV) image/build-stand-in.sh

test-unit: setup ## run the unit tests alone (no engine)
	@exec $(MAKE) --no-print-directory -j 3 $(output-sync) $(unit-parts)

# Of three ordinary processes each imports what its part needs, once; pytest-xdist's would all import everything, and tell of each test.
# Two keep both cores busy; the third has what mostly waits: for programs, other processes, and moments.
unit-waits := $(patsubst %,tests/unit/taskguard/test_%.py,client deployment docker_target early gradebook_command hearing learning \
	nemesis pacer packages probing seal submissions_making targets_endpoint)

unit-waiting:
	@exec $(BIN)/python -m pytest $(unit-waits) -q $(call junit,unit-waiting)

unit-taskguard:
	@exec $(BIN)/python -m pytest tests/unit/taskguard $(addprefix --ignore=,$(unit-waits)) -q $(call junit,unit-taskguard)

unit-rest:
	@exec $(BIN)/python -m pytest tests/unit --ignore tests/unit/taskguard -q $(call junit,unit-rest)

test-programs: setup ## start real programs: functions' processes, the command, npm and uv, the sandbox (no engine)
	@exec $(BIN)/python -m pytest tests/programs -q -n 2 $(call junit,programs)

test-installed: setup ## install a wheel elsewhere, and use it there as a stranger would
	@exec $(BIN)/python -m pytest tests/installed -q $(call junit,installed)

test-packaging: setup ## run the tests of the package and the template alone (the Serverless CLI, no engine)
	@echo "== the package and the template"
	@exec $(BIN)/python -m pytest tests/packaging -q -n 2 $(call junit,packaging)

test-browser: setup ## look at the report in a headless Chromium (CHROMIUM= names its program)
	@exec $(BIN)/python -m pytest tests/browser -q $(call junit,browser)

test-faults: setup ## break the pipeline on purpose: each call of each handler in each way, and everything at once
	@exec $(BIN)/python -m pytest tests/faults -q --taskguard-clock-scale $(CLOCK_SCALE) -n 2 --maxschedchunk 1 $(call junit,faults)

test-conformance: setup ## try on the engine what AWS documents of queues, event source mappings, APIs and runtimes
	@$(BIN)/python -m pytest tests/conformance -q $(call junit,conformance)
	@exec $(BIN)/python -m pytest tests/engine -q -m documented --taskguard-clock-scale $(CLOCK_SCALE) -n $(WORKERS) --maxschedchunk 1 $(call junit,documented)

conformance: setup ## try it on each engine there is, and write the table of docs/engines.md
	@$(BIN)/python -m tools.conformance

test-edge: setup ## try the API with requests made from its document, right and wrong (CASES=, SEED=)
	@exec $(BIN)/python -m pytest tests/edge --taskguard-clock-scale $(CLOCK_SCALE) -n 4 --maxschedchunk 1 --cases "$(CASES)" $(if $(filter file,$(origin SEED)),,--case-seed "$(SEED)") $(call junit,edge)

privileges: ## print what each function is allowed, and which test used it (of the last run)
	@cat .taskguard/privileges.md

up: setup ## start LocalStack with the pipeline on it, and leave it running
	@exec $(BIN)/taskguard up --stage "$(STAGE)"

down: ## stop what `make up` started
	@if [ -x $(BIN)/taskguard ]; then $(BIN)/taskguard down; fi

lint: setup ## check style, types, and what imports what
	@$(BIN)/ruff check .
	@$(BIN)/ruff format --check .
	@$(BIN)/mypy
	@$(BIN)/lint-imports --no-logo --no-cache

docs: setup ## build the documentation as a website in build/docs (a broken link fails)
	@exec $(BIN)/python -m tools.site

scan: setup ## look for secrets in all files that are, or could be, committed (offline, seconds)
	@git rev-parse --git-dir >/dev/null || { echo "make scan: could not be judged: git does not tell what is committed here. Run it in a checkout." >&2; exit 2; }
	@git ls-files -z --cached --others --exclude-standard | xargs -0 $(BIN)/detect-secrets-hook --no-verify --exclude-lines '"integrity": "sha512-' || \
		{ echo "make scan: take the secret out, and revoke it where it was valid. What is none is marked in its line: pragma: allowlist secret" >&2; exit 1; }
	@echo "make scan: no secret in any file"

audit: setup ## ask npm's and PyPI's services for known vulnerabilities of all that is locked (2: they cannot be reached)
	@exec $(BIN)/python -m tools.audit

deploy: setup ## deploy the pipeline to AWS (STAGE=, REGION=, API_AUTH=; failures are random unless SEED= is given)
	@exec $(BIN)/taskguard deploy --stage "$(STAGE)" --region "$(REGION)" $(if $(filter file,$(origin SEED)),,--seed "$(SEED)") $(if $(API_AUTH),--api-auth "$(API_AUTH)")

test-aws: setup ## run the pipeline's tests on a stage that is deployed on AWS (STAGE=, REGION=)
	@exec $(BIN)/python -m pytest tests/pipeline -q -m "not heavy and not in_process" -n $(WORKERS) --maxschedchunk 1 \
		--taskguard-target aws --taskguard-stage "$(STAGE)" --taskguard-region "$(REGION)" $(call junit,aws)

remove: setup ## remove a stage from AWS (STAGE=, REGION=)
	@exec $(BIN)/taskguard remove --stage "$(STAGE)" --region "$(REGION)"

setup: $(VENV)/.ready node_modules/.ready $(VENV)/.prepared $(VENV)/.sandbox ## install what is needed, here and in the user's cache folder (quick when nothing changed)

# What uv builds leaves locks of its own among the temporary files.
$(VENV)/.ready: export TMPDIR = $(abspath $(VENV))
$(VENV)/.ready: requirements/development.txt pyproject.toml
	@$(PYTHON) -c 'import sys; sys.exit(not (3, 11) <= sys.version_info[:2] <= (3, 13))' || \
		{ echo "make setup: Python 3.11, 3.12 or 3.13 is needed, $(PYTHON) is $$($(PYTHON) --version 2>&1). Name one with PYTHON=..." >&2; exit 3; }
	@[ -x $(BIN)/python ] || { echo "Making the virtual environment $(VENV)"; $(PYTHON) -m venv $(VENV); }
	@echo "Installing Python packages"
	@grep -A 60 '^uv==' requirements/development.txt | awk 'NR > 1 && /^[a-z]/ { exit } { print }' > $(VENV)/uv.txt
	@$(BIN)/python -m pip install --quiet --disable-pip-version-check --require-hashes -r $(VENV)/uv.txt
	@$(BIN)/uv pip sync --quiet --require-hashes requirements/development.txt
	@$(BIN)/uv pip install --quiet --no-deps --no-build-isolation --editable .
	@touch $@

# What TaskGuard would install when it is used first.
$(VENV)/.prepared: $(VENV)/.ready package.json package-lock.json $(wildcard harness/taskguard/data/*.txt)
	@exec $(BIN)/taskguard prepare
	@touch $@

# Services of others are run in a sandbox. Whoever cannot install it is told of it by `taskguard doctor`, and all else works without.
$(VENV)/.sandbox: $(VENV)/.ready
	@if ! command -v bwrap >/dev/null && command -v apt-get >/dev/null && [ "$$(id -u)" = 0 ]; then \
		echo "Installing bubblewrap"; \
		{ apt-get update -qq && DEBIAN_FRONTEND=noninteractive apt-get install -y -qq bubblewrap; } >/dev/null || \
			echo "make setup: bubblewrap could not be installed: services of others then run with --no-sandbox alone." >&2; \
	fi
	@touch $@

# For the tests, and for whoever types `npx serverless`.
node_modules/.ready: package.json package-lock.json
	@command -v npm >/dev/null || { echo "make setup: npm is needed to install the Serverless CLI. Install Node.js 20.19 or later (it brings npm) and run the command again." >&2; exit 3; }
	@node -e 'const [a, b] = process.versions.node.split(".").map(Number); process.exit(a > 20 || (a === 20 && b >= 19) ? 0 : 1)' || \
		{ echo "make setup: Node.js 20.19 or later is needed, this is $$(node --version)." >&2; exit 3; }
	@echo "Installing the Serverless CLI"
	@npm ci --silent --no-audit --no-fund
	@touch $@

clean: down ## remove all that was installed or made here (not the user's cache folder, which other checkouts use)
	@rm -rf $(VENV) node_modules .taskguard .serverless build runs .pytest_cache .mypy_cache .ruff_cache .hypothesis

resolve = $(BIN)/uv pip compile --universal --generate-hashes --quiet --custom-compile-command "make lock"
compile = $(resolve) --python-version 3.11
data := harness/taskguard/data

lock: ## resolve the lock files anew, after changing what is required
	@$(compile) pyproject.toml --group dev --extra docker -c requirements/localstack-constraints.txt -o requirements/development.txt
	@$(compile) requirements/engine.in -c requirements/development.txt -o $(data)/engine.txt
	@# For functions' own versions of Python, of which there are more than LocalStack runs on.
	@$(resolve) --no-config --python-version 3.9 requirements/lambda-runtime.in -o $(data)/lambda-runtime.txt
	@$(compile) requirements/ministack.in -o $(data)/ministack.txt
	@$(compile) requirements/pip.in -o $(data)/pip.txt
	@$(compile) requirements/audit.in -o requirements/audit.txt
	@$(compile) requirements/docs.in -o requirements/docs.txt
	@npm install --package-lock-only --silent
	@for each in client sdk-v2 sdk-v3; do (cd $(data)/nodejs/$$each && npm install --package-lock-only --omit-lockfile-registry-resolved --silent); done
