# One command each; every one sets itself up. Needs Python 3.11 or later, pip and make.
PYTHON ?= python3
BIN := .venv/bin
QUICK ?=
N ?= auto
DOCS := NO_MKDOCS_2_WARNING=1 $(BIN)/mkdocs

.PHONY: demo test test-all parity check sanitize bench bench-tabular bench-peers docs docs-serve notebooks wheel dist packaging clean

demo: .venv/installed-demo  ## the experiments on real data -> report/index.html (QUICK=1: within a minute, once the core is built)
	$(BIN)/neural demo $(if $(QUICK),--quick)

test: check  ## style, types, all tests but the nightly ones
	$(BIN)/python -m pytest -n $(N) -m "not nightly"
	NEURAL_ENGINE=numpy $(BIN)/python -m pytest -n $(N) tests/test_network.py tests/test_document.py tests/test_losses.py
	for set in base avx2; do NEURAL_INSTRUCTIONS=$$set $(BIN)/python -m pytest -n $(N) tests/test_mirror.py tests/test_threads.py || exit 1; done

test-all: check  ## the nightly tests too: 20,000 random networks and the like
	$(BIN)/python -m pytest -n $(N)

parity: .venv/installed-parity  ## every activation, layer, loss, optimizer and schedule against PyTorch, which it installs
	$(BIN)/python -m pytest -n $(N) tests/test_pytorch.py tests/test_explanations.py tests/test_imports.py

check: .venv/installed-test
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy

bench: .venv/installed-test  ## all measurements, against whichever peers are installed (ARGS="--only W1") -> bench/
	$(BIN)/python benchmarks/bench.py $(ARGS)

bench-tabular: .venv/installed-tabular-bench  ## models of tables on real data: errors and seconds (ARGS="--models neural,lightgbm")
	$(BIN)/python benchmarks/tabular.py $(ARGS)

bench-peers: .venv/installed-bench  ## PyTorch, JAX, scikit-learn, ONNX Runtime: some gigabytes

docs: .venv/installed-docs  ## the site -> site/index.html; a warning is an error
	$(DOCS) build --strict

docs-serve: .venv/installed-docs  ## the same at http://127.0.0.1:8000, built again at each change
	$(DOCS) serve

notebooks: .venv/installed-docs  ## the chapters of the course and the notebooks of docs/, run -> notebooks/*.ipynb
	$(BIN)/python docs/run_notebooks.py notebooks

wheel: .venv/installed-wheel  ## sdist, wheel with the core and wheel without -> dist/
	rm -rf dist
	$(BIN)/python -m build --sdist
	$(BIN)/python -m pip wheel -q --no-deps -w dist/raw dist/*.tar.gz
	$(BIN)/python -m pip wheel -q --no-deps -w dist -C wheel.cmake=false dist/*.tar.gz
	PATH="$(BIN):$$PATH" auditwheel repair -w dist dist/raw/*.whl || mv dist/raw/*.whl dist  # only Linux has tags to earn
	rm -rf dist/raw

dist: wheel

packaging: wheel  ## each of them in an empty environment, the source out of sight
	sh tests/packaging.sh

clean:
	rm -rf .venv build dist site notebooks bench report .pytest_cache .mypy_cache .ruff_cache

sanitize: .venv/installed-test  ## the core's own tests under the address and undefined-behaviour sanitizers, and the thread one
	$(BIN)/python -m pip install -q cmake ninja nanobind
	for what in address,undefined thread; do BIN=$(BIN) sh tests/sanitize.sh $$what || exit 1; done

.venv/installed-%: pyproject.toml CMakeLists.txt $(wildcard csrc/*) | .venv/bin/pip
	$(BIN)/python -m pip install -q -e ".[$*]"
	touch $@

# Debian's Python may lack ensurepip; its own pip can then fill the environment.
.venv/bin/pip:
	$(PYTHON) -m venv .venv || { $(PYTHON) -m venv --clear --without-pip .venv && $(PYTHON) -m pip --python $(BIN)/python install -q pip; }
