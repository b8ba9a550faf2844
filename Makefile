# The commands of a working copy. `make help` lists them; everything they install goes into .venv.

PYTHON ?= python3
BIN := .venv/bin
PIP := $(BIN)/python -m pip --disable-pip-version-check --no-input install --quiet
LOCK := $(BIN)/uv pip compile pyproject.toml --quiet --universal --python-version 3.11 --generate-hashes --no-header --no-annotate
MAKE_SETUP = sh installer/windows/make_setup.sh $(BIN)/python build/windows/dist/flowork
ARGS ?=

.PHONY: help run desktop demo test test-long test-installer lint fix gui gui-types bench docs assets screens dist-windows locks clean \
	dist-linux deb run-file test-deb

help: ## this list
	@grep -hE '^[a-z-]+:.*##' $(MAKEFILE_LIST) | sed -E 's/:[^#]*## /\t/' | expand -t 12

# Where there is no keyring, a working copy keeps its keys in the clear, and says so at every start.
run: .venv/.run-stamp .venv/.gui-stamp ## start gateway and engine (ARGS="--port 8000" hands arguments on)
	@$(BIN)/flowork serve --insecure-storage=fallback $(ARGS)

desktop: .venv/.desktop-stamp .venv/.gui-stamp ## the tray application: gateway, engine and a window (ARGS="--open")
	@$(BIN)/flowork --insecure-storage=fallback $(ARGS)

demo: .venv/.run-stamp ## three real jobs on a scratch gateway, start to end
	@$(BIN)/flowork demo $(ARGS)

test: .venv/.test-stamp ## every check, as CI runs them
	@$(BIN)/python tests/run_suites.py $(ARGS)

test-long: .venv/.test-stamp ## the checks that take longer
	@$(BIN)/python tests/run_suites.py --long $(ARGS)

# The setup that people get is packed, for two minutes of one core, beside the story, which is told with setups that are packed little.
test-installer: freeze-windows ## the Windows setup under wine: install, first run, upgrade, uninstall, purge
	@rm -f build/windows/*.exe; $(MAKE_SETUP) own build/windows/Flowork-Setup.exe & packing=$$!; \
	FAST=1 $(MAKE_SETUP) own build/windows/trial/Flowork-Setup.exe && \
	FAST=1 $(MAKE_SETUP) 9.9.9 build/windows/newer/Flowork-Setup.exe && \
	$(BIN)/pytest -q --durations=5 tests/installer/test_windows_setup.py $(ARGS); told=$$?; \
	wait $$packing && $(BIN)/pytest -q tests/installer/test_windows_shipped.py && exit $$told

lint: .venv/.test-stamp ## ruff, mypy and the rooms' import contracts
	@$(BIN)/python tests/run_suites.py lint

fix: .venv/.test-stamp ## let ruff sort imports and format
	@$(BIN)/ruff check --fix . ; $(BIN)/ruff format .

gui: ## build the browser GUI into gui/dist; the gateway serves it from there
	@npm --prefix gui ci --no-fund --no-audit --loglevel=error
	@npm --prefix gui run build
	@$(PYTHON) installer/notices.py --gui gui/dist/licences.txt

gui-types: .venv/.test-stamp ## write the GUI's types of the wire again
	@mkdir -p build
	@$(BIN)/python -c "import json; from docs.generate import openapi; print(json.dumps(openapi()))" > build/openapi.json
	@npm --prefix gui run types

bench: .venv/.test-stamp ## measure (ARGS="store --json")
	@$(BIN)/python -m bench $(ARGS)

docs: .venv/.test-stamp ## write the generated pages of docs/ and files of deploy/ again
	@$(BIN)/python docs/generate.py
	@$(BIN)/python deploy/generate.py

assets: .venv/.test-stamp ## draw the icons again
	@$(BIN)/python assets/draw.py

screens: .venv/.test-stamp ## pictures of what people see, into build/screens
	@$(BIN)/python docs/screens.py

dist-windows: freeze-windows ## freeze the Windows program under wine and make its setup (a rig, not a source of releases)
	@$(MAKE_SETUP) own build/windows/Flowork-Setup.exe

.PHONY: freeze-windows
freeze-windows:
	@$(MAKE) --no-print-directory -j2 .venv/.test-stamp gui
	@sh installer/windows/dist.sh $(BIN)/python

locks: .venv/.test-stamp ## choose versions again and write requirements*.lock
	$(LOCK) --upgrade --extra build -o requirements.lock
	$(LOCK) --upgrade --extra build --extra desktop --extra test -c requirements.lock -o requirements-test.lock
	$(LOCK) --upgrade --extra build --extra desktop -c requirements.lock -o requirements-desktop.lock
	$(LOCK) --upgrade --extra build --extra desktop --extra installer -c requirements-desktop.lock -o requirements-installer.lock

dist-linux: .venv/.test-stamp .venv/.gui-stamp ## freeze the program for this Linux into build/linux/dist/flowork
	@sh installer/linux/freeze.sh $(PYTHON)
	@build/linux/dist/flowork/flowork --self-test
	@build/linux/dist/flowork/flowork-gateway --self-test

deb: dist-linux ## the Debian package, build/linux/flowork.deb (FAST=1 compresses little)
	@sh installer/linux/make_deb.sh build/freeze-venv/bin/python build/linux/dist/flowork build/linux/flowork.deb

run-file: dist-linux ## an installer for any other Linux, for one person without root, build/linux/flowork.run
	@sh installer/linux/make_run.sh build/freeze-venv/bin/python build/linux/dist/flowork build/linux/flowork.run

test-deb: deb ## install the Debian package in a bare system, use it, remove it (as root)
	@sh installer/linux/test_deb.sh build/linux/flowork.deb

clean: ## remove .venv and everything generated
	rm -rf .venv build dist *.egg-info .pytest_cache .mypy_cache .ruff_cache .hypothesis .import_linter_cache

.venv/.made:
	@sh installer/venv.sh $(PYTHON)
	@touch $@

.venv/.run-stamp: .venv/.made requirements.lock pyproject.toml
	@$(PIP) --require-hashes -r requirements.lock
	@$(PIP) --no-deps --no-build-isolation --editable .
	@touch $@

.venv/.desktop-stamp: .venv/.run-stamp requirements-desktop.lock
	@$(PIP) --require-hashes -r requirements-desktop.lock
	@touch $@

# Where it cannot be built the gateway has no page, and everything else works.
.venv/.gui-stamp: .venv/.made gui/package-lock.json $(shell find gui/src gui/public gui/index.html -type f)
	@if $(MAKE) --no-print-directory gui >.venv/gui.log 2>&1; then touch $@; else \
		echo "The browser GUI was not built: it needs Node 20.19 or newer with npm; .venv/gui.log says what went wrong." >&2; fi

.venv/.test-stamp: .venv/.run-stamp requirements-test.lock installer/test_tools.sh
	@$(PIP) --require-hashes -r requirements-test.lock
	@sh installer/test_tools.sh
	@touch $@
