# Two commands matter: `make demo` (a lab server to look at) and `make test` (is all of it right?).
# `make help` lists the rest. Everything they need is installed by tools/setup.sh.

SHELL := /bin/bash
.SHELLFLAGS := -euo pipefail -c
.DEFAULT_GOAL := help

VENV ?= $(CURDIR)/.venv
export PATH := $(VENV)/bin:$(PATH)
# State of ansible and molecule stays inside the checkout: two checkouts never meet.
export ANSIBLE_HOME := $(CURDIR)/.ansible
export ANSIBLE_CONFIG := $(CURDIR)/ansible.cfg
export PY_COLORS := 1
export ANSIBLE_FORCE_COLOR := 1

STAMP := $(VENV)/.requirements

.PHONY: help
help: ## this list
	@grep -hE '^[a-z-]+:.*##' $(MAKEFILE_LIST) | sed -E 's/:.*## /\t/' | expand -t 16

$(STAMP): requirements.txt requirements-dev.txt tools/setup.sh
	tools/setup.sh "$(VENV)"
	touch "$@"

.PHONY: setup
setup: $(STAMP) ## install what the other targets need (apt packages and a virtual environment)

.PHONY: lint
lint: $(STAMP) ## ruff, mypy, yamllint, ansible-lint (profile production)
	ruff check .
	ruff format --check .
	tools/mypy.sh
	yamllint --strict .
	ANSIBLE_COLLECTIONS_PATH=$(CURDIR)/collections ansible-lint --strict

.PHONY: sanity
sanity: $(STAMP) ## ansible-test sanity on a copy of the tree
	tools/ansible-test.sh sanity

.PHONY: units
units: $(STAMP) ## ansible-test units on a copy of the tree
	tools/ansible-test.sh units

.PHONY: pytest
pytest: $(STAMP) ## tests of the project itself and of the hub's package
	pytest -q -n 2 tests/project tests/hub

.PHONY: registry-tests
registry-tests: $(STAMP) ## random registries, faults and kills against a real registry (apt package docker-registry)
	pytest -q -n 2 tests/registry

.PHONY: check
check: lint sanity units pytest ## everything that needs no container (under 4 minutes)
	@echo "make check: lint, sanity, units and pytest passed"

.PHONY: test-certificates
test-certificates: $(STAMP) ## certificates with certbot, pebble, TLS servers and containers (needs root; about 3 minutes)
	pytest -q -n 2 --dist loadfile tests/certificates

.PHONY: molecule
molecule: $(STAMP) ## all scenarios on disposable hosts with engines of their own
	VENV=$(VENV) tools/test.sh

.PHONY: test
test: check molecule ## all of it; ends with a line that says what passed

.PHONY: demo
demo: $(STAMP) ## make a lab server to look at, in a container on this machine
	tools/demo.sh up

.PHONY: demo-clean
demo-clean: ## remove the lab server of `make demo`
	tools/demo.sh down

.PHONY: soak
soak: soak-shares soak-steps ## everything that takes long

.PHONY: docs
docs: $(STAMP) ## renew the generated parts of the documentation
	python tools/role_docs.py

.PHONY: soak-shares
soak-shares: $(STAMP) ## long faults of the shares on a kernel of their own (about 6 minutes)
	export PYTHONPATH=$(CURDIR)/tests/support; trap 'python -m machines down' EXIT; python -m machines up; \
	  ANSIBLE_COLLECTIONS_PATH=$(CURDIR)/collections pytest -v -s -p no:cacheprovider tests/soak/shares

.PHONY: soak-steps
soak-steps: $(STAMP) ## compile STEPS on a bare host, use it from the hub's list and as an app (about 20 minutes)
	VENV=$(VENV) source ./activate; MOLECULE_GLOB='tests/soak/*/molecule.yml' molecule test -s steps
