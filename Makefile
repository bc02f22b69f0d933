# make install   the environment in .venv
# make demo      the whole job on synthetic images: train, race, final, vote, test
# make test      the environment, then the tests
# make docs      the reference from the code, then the pages of docs/ in build/docs

PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
DEMO := demo-workspace
# the clone itself on Python's path: a finder would lose to a folder `pneumoray` that holds the clone
IN_PLACE := --config-settings editable_mode=compat
# the demo is the same everywhere: nothing of the caller's set-up reaches it
CLEAN := env -u PNEUMORAY_WORKSPACE -u PNEUMORAY_DATA -u MLFLOW_TRACKING_URI -u RAY_ADDRESS \
  -u RAY_AUTH_MODE -u RAY_AUTH_TOKEN -u RAY_AUTH_TOKEN_PATH

.PHONY: install demo test test-all check docs clean

install: $(VENV)/.installed

$(VENV)/.installed: pyproject.toml
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' || \
	  { echo "pneumoray needs Python 3.11 or newer; name one: make PYTHON=python3.12 install"; exit 1; }
	$(PYTHON) -m venv $(VENV)
	$(BIN)/python -m pip install --quiet --disable-pip-version-check $(IN_PLACE) -e '.[lite,dicom,dev,docs]'
	@touch $@

demo: install
	@$(CLEAN) $(BIN)/pneumoray train-all --study demo --workspace $(DEMO) --address local
	@$(CLEAN) $(BIN)/pneumoray ensemble --study demo --top 3 --workspace $(DEMO) --address local
	@echo "look further:"
	@echo "  $(BIN)/pneumoray ui --workspace $(DEMO)             every run, curve and model, on loopback"
	@echo "  $(BIN)/pneumoray leaderboard --workspace $(DEMO)    this table again; --json for programs"
	@echo "  $(BIN)/pneumoray train-all --study xray-64 --data DIR    your own images"

# two at a time, file by file; `make test-all` adds the tests that are marked slow
test: install
	$(BIN)/python -m pytest -p no:cacheprovider -n 2 --dist loadfile -m "not slow"

test-all: install
	$(BIN)/python -m pytest -p no:cacheprovider

check: install
	$(BIN)/ruff format --check .
	$(BIN)/ruff check .
	$(BIN)/mypy

docs: install
	$(BIN)/python docs/reference.py
	NO_MKDOCS_2_WARNING=1 $(BIN)/python -m mkdocs build --strict --quiet
	@echo "open build/docs/index.html"

clean:
	rm -rf $(VENV) $(DEMO) build/docs
