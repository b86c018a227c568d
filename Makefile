# The two commands: `make demo` runs the product, `make test` proves it. Both set up what they need.
PYTHON ?= python3
VENV   := .venv
BIN    := $(VENV)/bin
PIP    := $(BIN)/python -m pip install --quiet --disable-pip-version-check --constraint constraints.txt

# What evdev and systemd-python are built with; both come as source only.
BUILD_PACKAGES := gcc libc6-dev linux-libc-dev python3-dev pkg-config libsystemd-dev

# A browser for the tests of the box's own pages, and a font for it.
BROWSER_PACKAGES := chromium fonts-dejavu-core

.PHONY: help demo test test-appliance test-browser soak-appliance check docs venv venv-all bench bench-appliance soak clean install uninstall
.DEFAULT_GOAL := help

help:  ## say what there is
	@grep -E '^[a-z-]+:.*##' $(MAKEFILE_LIST) | sed -E 's/:.*## /\t/' | expand -t 16

demo: $(VENV)/.base  ## run the daemon on this screen against a simulated VALT server
	@$(BIN)/ivsd demo $(ARGS)

test: $(VENV)/.appliance check  ## run all tests (arguments for pytest in ARGS)
	@$(BIN)/python -m pytest $(ARGS)

test-appliance: $(VENV)/.dev  ## the installed product on real kernel devices, in a virtual machine
	@$(BIN)/python -m pytest tests/appliance $(ARGS)

check: $(VENV)/.appliance  ## style and types
	@$(BIN)/ruff check .
	@$(BIN)/ruff format --check .
	@$(BIN)/mypy

bench: $(VENV)/.appliance  ## measure: press latency, light latency, start, memory, idle CPU
	@$(BIN)/python -m tests.bench $(ARGS)

bench-appliance: $(VENV)/.appliance  ## measure in a virtual machine: kernel to request to lamp, wake-ups
	@$(BIN)/python -m tests.bench.appliance $(ARGS)

soak: EXAMPLES ?= 10000
soak: $(VENV)/.appliance  ## a million events, 100,000 through the daemon, 10,000 stories: all must add up
	@$(BIN)/python -m tests.soak $(ARGS)
	@IVSD_EXAMPLES=$(EXAMPLES) $(BIN)/python -m pytest -q tests/unit/test_controller_stateful.py

test-browser: $(VENV)/.browser  ## the box's own pages in a real browser
	@$(BIN)/python -m pytest tests/browser $(ARGS)

soak-appliance: $(VENV)/.dev  ## in the virtual machine: every power cut and scenario, 10,000 presses
	@IVSD_SWEEP=1 $(BIN)/python -m pytest tests/appliance -k "power_cut or scenario or presses or load or equal_reader or line_is_taken" $(ARGS)

docs: $(VENV)/.dev  ## write the tables of the README, the man page and the shells' completion
	@$(BIN)/python .ci/readme_table.py
	@$(BIN)/python .ci/command_docs.py

venv: $(VENV)/.base  ## set up what the demo needs
venv-all: $(VENV)/.appliance  ## set up what the tests need

$(VENV)/bin/python:
	@PYTHON=$(PYTHON) sh .ci/make-venv.sh $(VENV)

$(VENV)/.base: $(VENV)/bin/python setup.cfg constraints.txt
	@$(PIP) --editable '.[web]'
	@touch $@

$(VENV)/.dev: $(VENV)/.base
	@$(PIP) --editable '.[dev,web]'
	@touch $@

# Without the compiler and headers, everything but the device packages is installed and tested.
$(VENV)/.appliance: $(VENV)/.dev
	@if sh .ci/debian-packages.sh $(BUILD_PACKAGES); then $(PIP) --editable '.[appliance]' && touch $@; fi

# IVSD_NO_BROWSER=1 skips those tests, and then nothing is set up for them.
$(VENV)/.browser: $(VENV)/.dev
	@[ "$$IVSD_NO_BROWSER" = 1 ] || { sh .ci/debian-packages.sh $(BROWSER_PACKAGES) \
	    && $(PIP) --editable '.[browser]' && touch $@; }

install:  ## install ivsd as a service of this machine, or upgrade it (root)
	@sh systemd/install.sh

uninstall:  ## take the service away; its configuration and data stay (root)
	@sh systemd/uninstall.sh

clean:  ## remove what was made here
	rm -rf $(VENV) build dist *.egg-info .mypy_cache .ruff_cache .pytest_cache .hypothesis
