# `make demo` and `make test` do everything on a fresh machine; `make help` lists the rest.
PYTHON ?= python3
VENV ?= .venv
BIN := $(VENV)/bin
PIP := $(BIN)/python -m pip --disable-pip-version-check
SPHINX = $(BIN)/python -m sphinx -q -W --keep-going -b html
# Installs follow the dependency groups in pyproject.toml; a stamp a group.
STAMP = $(VENV)/.installed-$(1)
# A waiting OpenMP thread sleeps instead of spinning: on few cores that is 10x faster.
export OMP_WAIT_POLICY ?= PASSIVE

.DEFAULT_GOAL := help
.PHONY: help demo examples gallery docs docs-fast site-test test check lint types doctest coverage fuzz format dist dist-test min-versions bench clean

help:  ## List the targets.
	@grep -hE '^[a-z-]+:.*## ' $(MAKEFILE_LIST) | awk -F ':.*## ' '{printf "  make %-14s %s\n", $$1, $$2}'

$(BIN)/python:
	$(PYTHON) -m venv $(VENV)
	$(PIP) install -q --upgrade "pip>=25.1"

$(VENV)/.installed-%: $(BIN)/python pyproject.toml constraints.txt
	$(PIP) install -q -c constraints.txt --group $* -e .
	@touch $@

demo: $(call STAMP,demo)  ## Install and run the quickstart; saves quickstart.png.
	$(BIN)/python docs/images/draw.py examples/plot_quickstart.py quickstart.png

gallery: $(call STAMP,demo)  ## Renew docs/images; DATA=folder has the rows for the map of states.
	for style in default dark_background; do \
		$(BIN)/python docs/images/draw.py examples/plot_quickstart.py \
			docs/images/quickstart.png $$style || exit 1; \
		$(BIN)/python docs/images/draw.py examples/plot_map_of_states.py \
			docs/images/states.png $$style --fits 10 --data $(DATA) || exit 1; \
	done

examples: $(call STAMP,demo)  ## Install and run all examples; saves their pictures.
	for file in examples/plot_*.py; do \
		$(BIN)/python docs/images/draw.py $$file pictures/$$(basename $$file .py).png || exit 1; \
	done
	$(BIN)/python examples/serve.py

docs: $(call STAMP,docs)  ## Build the site with its examples into docs/_build/html; a warning is an error.
	$(SPHINX) docs docs/_build/html

site-test: $(call STAMP,dev)  ## Open every page of the built site in a browser.
	SK_ENTITY_SITE=docs/_build/html $(BIN)/python -m pytest -q tests/test_site.py

docs-fast: $(call STAMP,docs)  ## The site without running the examples.
	$(SPHINX) -D plot_gallery=0 docs docs/_build/html

test: $(call STAMP,test)  ## Install and run all tests and doctests.
	$(BIN)/python -m pytest -q -n 2

check: lint types coverage  ## Everything that CI asks: lint, types, tests, doctests, coverage.

lint: $(call STAMP,dev)  ## Ruff (style, docstrings, formatting).
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .

types: $(call STAMP,dev)  ## Mypy, strict, on the package.
	$(BIN)/mypy

coverage: $(call STAMP,dev)  ## Tests and doctests with warnings as errors; lines and branches covered.
	$(BIN)/python -m pytest -q -n 2 --cov --cov-report=term-missing

fuzz: $(call STAMP,dev)  ## 10,000 messy frames, 20,000 bad files: a right result or an error of ours.
	SK_ENTITY_FUZZ=10000 $(BIN)/python -m pytest -q -s tests/test_fuzz.py
	SK_ENTITY_FUZZ_FILES=20000 $(BIN)/python -m pytest -q -s tests/test_saved_fuzz.py

format: $(call STAMP,dev)  ## Format the code and fix what ruff can fix.
	$(BIN)/ruff check --fix .
	$(BIN)/ruff format .

dist: $(call STAMP,release)  ## Build sdist and wheel, and check their metadata.
	rm -rf dist
	$(BIN)/python -m build
	$(BIN)/twine check --strict dist/*

# `make dist-test TESTS=tests` runs them all.
TESTS ?= $(addprefix tests/, test_release.py test_docstrings.py test_sklearn.py \
	test_encoder.py test_table.py test_saving.py test_onnx.py _learning/test_kernel.py)
dist-test: dist  ## Tests of the installed wheel and sdist, in empty environments.
	PYTHON=$(PYTHON) tools/dist_test.sh $(TESTS)

min-versions:  ## Tests with the lowest versions that pyproject.toml allows; torch is pinned.
	$(PYTHON) -m venv $(VENV)-min
	$(VENV)-min/bin/python -m pip install -q --upgrade "pip>=25.1"
	$(PYTHON) tools/lowest.py > $(VENV)-min/lowest.txt
	$(VENV)-min/bin/python -m pip install -q -c constraints.txt -c $(VENV)-min/lowest.txt \
		--group test -e .
	$(VENV)-min/bin/python -m pytest -q -n 2 -o filterwarnings=default

bench: $(call STAMP,bench)  ## Speed, and scores on real data sets: make bench DATA=folder.
	$(BIN)/python benchmarks/speed.py --quick
	$(BIN)/python benchmarks/quality.py --data $(DATA) --jobs 2
	$(BIN)/python benchmarks/rossmann.py --data $(DATA) --jobs 2

clean:  ## Remove the environment and everything built.
	rm -rf $(VENV) $(VENV)-min dist build .pytest_cache .mypy_cache .ruff_cache .coverage
	rm -rf docs/_build docs/examples docs/generated docs/how_entity_embeddings_work
