# turnout. `make` lists the targets.

.DEFAULT_GOAL := help
.NOTPARALLEL:
.DELETE_ON_ERROR:

PYTHON ?= python3
VENV ?= .venv

# The command line sets these two; the environment does not (a shell may well have a PROMPT of its own).
MODEL = local/smollm2-135m-instruct
PROMPT = Tell me a story

# They reach the recipe through the environment, as they were typed: quotes, dollars and spaces survive.
unexport MODEL PROMPT
export RUN_MODEL := $(value MODEL)
export RUN_PROMPT := $(value PROMPT)

export PIP_DISABLE_PIP_VERSION_CHECK := 1
export PYRIGHT_PYTHON_IGNORE_WARNINGS := 1
export PYRIGHT_PYTHON_CACHE_DIR := $(CURDIR)/$(VENV)/cache

PY := $(VENV)/bin/python
SAY := @printf '==> %s\n'

# A virtual environment serves one place and one interpreter: it is made anew when either changed.
HOME_OF_VENV := $(CURDIR) $(PYTHON)
ifneq ($(shell test -x $(PY) && cat $(VENV)/.made 2>/dev/null),$(HOME_OF_VENV))
.PHONY: $(VENV)/.made
endif

.PHONY: help
help: ## list the targets
	@echo 'turnout: one string, "provider/model", reaches any language model.'
	@echo
	@sed -n 's/^\([a-z-]*\):.*## \(.*\)/  make \1|\2/p' $(firstword $(MAKEFILE_LIST)) | awk -F'|' '{printf "%-18s %s\n", $$1, $$2}'
	@echo
	@echo '  make run MODEL=ovhcloud/gpt-oss-120b PROMPT="Hello!"   any other model; its key comes from the environment'
	@echo '  make test ARGS="tests/unit -k route"                   some of the tests'
	@echo '  make test PYTHON=python3.12                            another interpreter'

# ---- using it -------------------------------------------------------------------------------------------------------

.PHONY: run
run: $(VENV)/.run ## set everything up and stream a story from the embedded model
	@$(PY) -m turnout chat -m "$$RUN_MODEL" -- "$$RUN_PROMPT"

# ---- working on it --------------------------------------------------------------------------------------------------

TESTS = $(PY) -m pytest -n auto --maxprocesses 4 --dist loadfile -rs

.PHONY: test
test: $(VENV)/.dev ## set everything up and run all tests
	@$(TESTS) $(ARGS)

.PHONY: test-all
test-all: ## the tests on every later Python that this machine has, without the embedded model
	@for version in 3.12 3.13 3.14; do \
	  if python=$$(sh scripts/find_python.sh $$version); then \
	    printf '==> the tests on Python %s\n' "$$version"; \
	    $(MAKE) --no-print-directory test VENV=.venv-$$version PYTHON="$$python" ARGS='-m "not local_model"' || exit 1; \
	  else printf '==> no Python %s here: skipped\n' "$$version"; fi; \
	done

.PHONY: cover
cover: $(VENV)/.dev ## the tests with branch coverage, held to its floors
	@$(TESTS) --cov --cov-report=json:.coverage.json --cov-report= $(ARGS)
	@$(PY) scripts/check_coverage.py .coverage.json

.PHONY: fuzz
fuzz: $(VENV)/.dev ## 200,000 broken bodies, streams and requests (TURNOUT_FUZZ_INPUTS: as many; TURNOUT_FUZZ_SEED: others)
	@TURNOUT_FUZZ_INPUTS=$${TURNOUT_FUZZ_INPUTS:-200000} $(PY) -m pytest -n auto --maxprocesses 4 -rs tests/protocols/fuzz $(ARGS)

.PHONY: check
check: $(VENV)/.dev ## lint, format, types, shape, floors, words, docs in step, supply: every one, even after a failure
	@$(MAKE) --no-print-directory --keep-going check-lint check-format check-types check-shape check-floors check-words check-docs check-supply

.PHONY: check-lint check-format check-types check-shape check-floors check-words check-docs check-supply
check-lint: $(VENV)/.dev
	$(SAY) 'ruff check'
	@$(PY) -m ruff check --quiet --output-format concise
check-format: $(VENV)/.dev
	$(SAY) 'ruff format --check'
	@$(PY) -m ruff format --check --quiet
check-types: $(VENV)/.dev
	$(SAY) 'pyright strict'
	@$(PY) -m pyright --pythonpath $(PY)
check-shape: $(VENV)/.dev
	$(SAY) 'check_shape: sizes, docstrings, broad excepts'
	@$(PY) scripts/check_shape.py
check-floors: $(VENV)/.dev
	$(SAY) 'check_floors: who may import whom'
	@$(PY) scripts/check_floors.py
check-words: $(VENV)/.dev
	$(SAY) 'check_words: provider ids in code, machine paths, registry hosts'
	@$(PY) scripts/check_words.py
check-docs: $(VENV)/.dev
ifneq ($(wildcard scripts/build_docs.py),)
	$(SAY) 'build_docs --check: the pages in step with the catalog'
	@$(PY) scripts/build_docs.py --check
else
	$(SAY) 'no scripts/build_docs.py: the pages are not checked'
endif

check-supply: $(VENV)/.dev
	$(SAY) 'check_supply: licences, hashes of the lock, known weaknesses'
	@$(PY) scripts/check_supply.py

.PHONY: format
format: $(VENV)/.dev ## format the code and mend what ruff can mend
	@$(PY) -m ruff check --fix --quiet
	@$(PY) -m ruff format --quiet

.PHONY: docs
docs: $(VENV)/.dev ## write the generated pages of docs/
	@$(PY) scripts/build_docs.py $(ARGS)

.PHONY: catalog
catalog: $(VENV)/.dev ## build the packaged catalog (ARGS: what scripts/build_catalog.py takes)
	@$(PY) scripts/build_catalog.py $(ARGS)

.PHONY: bench
bench: $(VENV)/.dev ## measure turnout beside its peers and the floor (ARGS: what benchmarks/run.py takes)
	@$(PY) benchmarks/run.py $(ARGS)

.PHONY: soak
soak: $(VENV)/.dev ## ten minutes of mixed calls with faults: memory, sockets and tasks must stay flat (ARGS="--minutes 3")
	@$(PY) benchmarks/soak.py $(ARGS)

.PHONY: build
build: $(VENV)/.dev ## wheel and sdist in dist/
	@rm -rf dist
	@$(PY) -m hatchling build

# The lock is made apart from the other tools and by the oldest Python that turnout takes: what it needs, all later ones have.
.PHONY: lock
lock: ## write requirements/dev.txt anew: every development tool with its version and hashes
	@python=$$(sh scripts/find_python.sh 3.11) || { echo 'make lock needs Python 3.11' >&2; exit 1; }; \
	  "$$python" -m venv .venv-lock
	@.venv-lock/bin/pip install --quiet pip-tools
	@CUSTOM_COMPILE_COMMAND='make lock' .venv-lock/bin/pip-compile --quiet --upgrade --generate-hashes --strip-extras \
	  --no-emit-index-url --no-emit-trusted-host --no-emit-find-links --no-emit-options \
	  --extra cli --extra local --extra mcp --extra otel --extra postgres --extra aws --extra vertex --output-file requirements/dev.txt requirements/dev.in pyproject.toml

.PHONY: clean
clean: ## remove all that these targets made (not the embedded model: it is in your cache)
	@rm -rf .venv .venv-* benchmarks/.venvs dist build htmlcov .coverage .coverage.* .ruff_cache .pytest_cache .hypothesis
	@find src tests scripts benchmarks -name __pycache__ -type d -prune -exec rm -rf {} +

# ---- the virtual environment ----------------------------------------------------------------------------------------

$(VENV)/.made:
	@python=$$(PYTHON='$(PYTHON)' sh scripts/find_python.sh) || exit 1; \
	  printf '==> a virtual environment in %s, with %s\n' '$(VENV)' "$$python"; \
	  rm -rf $(VENV) && "$$python" -m venv $(VENV)
	@printf '%s\n' '$(HOME_OF_VENV)' > $@

$(VENV)/.run: pyproject.toml $(VENV)/.made
	$(SAY) 'installing turnout with its command line and the runtime of the embedded model'
	@$(PY) -m pip install --quiet --editable '.[cli,local]'
	@touch $@

$(VENV)/.dev: pyproject.toml requirements/dev.txt $(VENV)/.made
	$(SAY) 'installing turnout with its development tools, as requirements/dev.txt pins them (a minute, the first time)'
	@$(PY) -m pip install --quiet --require-hashes --no-deps --requirement requirements/dev.txt
	@$(PY) -m pip install --quiet --no-deps --no-build-isolation --editable .
	@touch $(VENV)/.run $@
