# make demo: from a fresh clone to pictures by a generator trained here. make test: every test.
PYTHON ?= python3
PY := .venv/bin/python

.PHONY: demo test test-slow lint

demo: .venv/installed
	$(PY) prepare_lmdb/create_demo_resources.py
	$(PY) train.py --demo
	$(PY) plots/generate_random_samples.py --demo --run_id 0
	$(PY) plots/role_of_different_parameters.py --demo --run_id 0
	$(PY) plots/evaluate_control.py --demo --run_id 0 --measure condition
	$(PY) plots/evaluate_control.py --ckpt demo --measure condition

test: .venv/installed-tests lint
	$(PY) -m pytest -n auto --cov

test-slow: .venv/installed-tests
	$(PY) -m pytest -m slow

lint: .venv/installed-tests
	$(PY) -m ruff check .
	$(PY) -m ruff format --check .
	$(PY) -m mypy

.venv/installed: requirements.txt
	$(PYTHON) -m venv .venv
	$(PY) -m pip install --quiet --requirement requirements.txt
	touch $@

.venv/installed-tests: .venv/installed tests/requirements.txt
	$(PY) -m pip install --quiet --requirement tests/requirements.txt
	touch $@
