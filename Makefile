# Everything a person does here is one of these targets. A fresh machine needs only make and
# Python >= 3.11; the first call sets up .venv (PyTorch makes it about 7 GB), later calls reuse it.

PYTHON ?= python3
VENV ?= .venv
BIN := $(VENV)/bin
PACKAGES := core adaptive_pipeline monitoring adversarial validation modelcards
SOURCES := $(foreach p,$(PACKAGES),packages/$(p)/src)
# What the main job and the tests need beyond the packages' own dependencies.
EXTRAS := core[charts,detection,mlflow,prometheus,sklearn] adaptive_pipeline[postgres,ray,river] \
	monitoring[evidently,gpu,mlflow,mysql,parquet,polars,postgres,ray,river] adversarial[http,mlflow,onnx] validation[mlflow,mysql,postgres,server] modelcards[mlflow,pdf]
STAMP := $(VENV)/.installed
# Test files run side by side in so many processes; 0 runs them in one.
WORKERS ?= 2

.PHONY: demo examples notebooks test lint format types docs bench dist oldest screenshots clean install
.DEFAULT_GOAL := demo

install: $(STAMP)

$(STAMP): pyproject.toml $(PACKAGES:%=packages/%/pyproject.toml)
	@$(PYTHON) -c 'import sys; v = sys.version_info; sys.exit(0 if v >= (3, 11) else "modelward needs Python >= 3.11, this is %d.%d; say which: make PYTHON=python3.12" % v[:2])'
	@test -x $(BIN)/python || $(PYTHON) -m venv $(VENV)
	@echo "Setting up $(VENV): a few minutes the first time, about 7 GB with PyTorch."
	@$(BIN)/python -m pip install --quiet --disable-pip-version-check --upgrade 'pip>=25.1'
	@$(BIN)/python -m pip install --quiet --disable-pip-version-check --group dev $(EXTRAS:%=-e 'packages/%')
	@touch $@

demo: $(STAMP)
	@$(BIN)/python examples/lifecycle.py

# Every example, in full; the last line of each says whether its figures are right.
examples: $(STAMP)
	@$(BIN)/python .ci/examples.py

notebooks: $(STAMP)
	OMP_NUM_THREADS=$${OMP_NUM_THREADS:-1} $(BIN)/python .ci/notebooks.py

test: $(STAMP)
	OMP_NUM_THREADS=$${OMP_NUM_THREADS:-1} $(BIN)/python -m pytest -n $(WORKERS) --dist loadfile $(PYTEST_ARGS)

lint: $(STAMP)
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .

format: $(STAMP)
	$(BIN)/ruff check --fix .
	$(BIN)/ruff format .

types: $(STAMP)
	$(BIN)/mypy $(SOURCES)

docs: $(STAMP)
	$(BIN)/mkdocs build --strict

bench: $(STAMP)
	@$(BIN)/python tests/benchmarks/run.py

dist: $(STAMP)
	rm -rf dist
	for package in packages/*/; do $(BIN)/python -m build --quiet --outdir dist $$package || exit 1; done
	$(BIN)/twine check --strict dist/*
	$(BIN)/python .ci/sbom.py > dist/modelward.cdx.json

# The oldest versions we promise to work with, in an environment of their own. What old versions warn of
# in their own future is no failure; tests that need the other libraries are left out.
oldest:
	$(PYTHON) -m venv $(VENV)-oldest
	$(VENV)-oldest/bin/python -m pip install --quiet --disable-pip-version-check --upgrade 'pip>=25.1'
	$(VENV)-oldest/bin/python -m pip install --quiet --disable-pip-version-check -c .ci/oldest.txt \
		--group alone './packages/core[charts,detection,mlflow,prometheus,sklearn]' './packages/modelcards[mlflow,pdf]'
	OMP_NUM_THREADS=$${OMP_NUM_THREADS:-1} $(VENV)-oldest/bin/python -m pytest -n $(WORKERS) --dist loadfile \
		-o filterwarnings=default -m "not slow" tests/core tests/modelcards \
		--ignore tests/core/test_errors_and_imports.py --ignore tests/core/test_command.py
	rm -rf $(VENV)-oldest

screenshots: $(STAMP)
	$(BIN)/python .ci/screenshots.py

clean:
	rm -rf site dist build .mypy_cache .ruff_cache .pytest_cache .hypothesis .coverage* modelward-runs
	find packages tests examples -name __pycache__ -type d -prune -exec rm -rf {} +
