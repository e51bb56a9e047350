# Two commands matter: `make demo` (a lab server to look at) and `make test` (is all of it right?).
# `make help` lists the rest. Everything they need is installed by tools/setup.sh.

SHELL := /bin/bash
.SHELLFLAGS := -euo pipefail -c
.DEFAULT_GOAL := help

# Another ansible-core than that of requirements.txt, in an environment of its own: `make units CORE=2.17`.
CORE ?=
VENV ?= $(CURDIR)/.venv$(CORE:%=-%)
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
	tools/setup.sh "$(VENV)" $(CORE)
	touch "$@"

.PHONY: setup
setup: $(STAMP) ## install what the other targets need (apt packages and a virtual environment)

.PHONY: lint
lint: lint-python lint-yaml ## all linters

.PHONY: lint-python
lint-python: $(STAMP) ## ruff, mypy
	ruff check .
	ruff format --check .
	tools/mypy.sh

.PHONY: lint-yaml
lint-yaml: $(STAMP) ## yamllint, ansible-lint (profile production)
	yamllint --strict .
	ANSIBLE_COLLECTIONS_PATH=$(CURDIR)/collections ansible-lint --strict

.PHONY: licences
licences: $(STAMP) ## every file has a licence and a copyright (REUSE)
	reuse lint --quiet || { reuse lint --lines; exit 1; }

.PHONY: changelog-check
changelog-check: $(STAMP) ## fragments are well formed, CHANGELOG.rst is current
	tools/changelog-check.sh

.PHONY: docs-check
docs-check: $(STAMP) ## documentation of plugins and roles: complete, every link in it leads somewhere
	antsibull-docs lint-collection-docs --plugin-docs --validate-collection-refs dependent .

.PHONY: spelling
spelling: $(STAMP) ## common misspellings in texts and code (codespell)
	git ls-files -z -- '*.md' '*.rst' '*.py' '*.yml' '*.sh' '*.j2' '*.html' Makefile \
	  | grep -zv '^\(tests\|molecule\|LICENSES\)/' | xargs -0 codespell

.PHONY: site
site: $(STAMP) ## build the documentation's site (.cache/site/index.html); a link that leads nowhere fails
	python tools/reference_pages.py
	sphinx-build --quiet --fail-on-warning --keep-going -b html docs .cache/site

.PHONY: artifact-check
artifact-check: $(STAMP) ## build the collection and import it as Galaxy does, without the network
	python tools/artifact_check.py

.PHONY: packaging
packaging: licences changelog-check docs-check spelling site artifact-check ## what a published collection needs (20 seconds)

.PHONY: sanity
sanity: $(STAMP) ## ansible-test sanity on a copy of the tree
	tools/ansible-test.sh sanity

# pylint takes as long as everything else of it; ruff and mypy find nearly all that it finds.
.PHONY: sanity-quick
sanity-quick: $(STAMP) ## ansible-test sanity without pylint
	tools/ansible-test.sh sanity --skip-test pylint

.PHONY: units
units: $(STAMP) ## ansible-test units on a copy of the tree
	tools/ansible-test.sh units

# ansible-test makes a process of its own for each test, which takes five times as long.
.PHONY: units-quick
units-quick: $(STAMP) ## the same tests by pytest alone
	cd collections/ansible_collections/labserver/jupyter && pytest -q -n 2 -p no:cacheprovider tests/unit

.PHONY: pytest
pytest: $(STAMP) ## tests of the project itself, of the hub's package and of the files between the rooms
	pytest -q -n 2 tests/project tests/hub tests/contracts

.PHONY: registry-tests
registry-tests: $(STAMP) ## random registries, faults and kills against a real registry (apt package docker-registry)
	pytest -q -n 2 tests/registry

.PHONY: test-backup
test-backup: $(STAMP) ## backups of a small server with the real restic (apt package restic)
	pytest -q -n 2 tests/backup

.PHONY: test-usage
test-usage: $(STAMP) ## what containers use, stopped and killed, against what the kernel counted (a minute)
	pytest -q tests/usage

.PHONY: test-doctor
test-doctor: $(STAMP) ## the doctor on real hosts, healthy ones and with planted faults (two minutes)
	pytest -q tests/doctor

.PHONY: test-hub
test-hub: $(STAMP) ## a real hub and guard over HTTP, before a stand-in for Docker (about 2 minutes)
	pytest -q -n 2 --dist loadfile tests/hub_process

.PHONY: pictures
pictures: $(STAMP) ## renew the pictures of the documentation from a real hub (apt package chromium)
	pytest -q tests/hub_process/test_live_pictures.py
	for picture in docs/_static/pictures/*.png; do made=".cache/pictures/$${picture##*/}"; [ ! -e "$$made" ] || cp "$$made" "$$picture"; done

.PHONY: test-images
test-images: $(STAMP) ## build notebook and scientific and use them (some 10 minutes the first time, 3 afterwards)
	pytest -v -p no:cacheprovider tests/images

.PHONY: new-image
new-image: ## a folder for an image of the lab's own: NAME=leem/analysis INVENTORY=inventory/mylab
	tools/new-image.sh "$(NAME)" "$(or $(INVENTORY),inventory/example)"

ANSWERS ?=
.PHONY: new-lab
new-lab: ## a first inventory from ten questions: INVENTORY=inventory/mylab [ANSWERS=answers.yml]
	@python3 tools/new_lab.py "$(or $(INVENTORY),inventory/mylab)" $(ANSWERS:%=--answers "%")

# Most of these use one core, so two run at a time, the longest first. The output of each is shown when it ends.
CHECKS := sanity-quick lint-yaml packaging lint-python pytest units-quick
JOBS ?= 2
.PHONY: check
check: $(STAMP) ## everything that needs no container (under 6 minutes)
	@$(MAKE) --no-print-directory --jobs=$(JOBS) --output-sync=target $(CHECKS)
	@echo "make check: lint, packaging, sanity, units and pytest passed"

.PHONY: test-certificates
test-certificates: $(STAMP) ## certificates with certbot, pebble, TLS servers and containers (needs root; about 3 minutes)
	pytest -q -n 2 --dist loadfile tests/certificates

.PHONY: molecule
molecule: $(STAMP) ## all scenarios on disposable hosts with engines of their own
	VENV=$(VENV) tools/test.sh

.PHONY: test
test: check molecule ## all of it; ends with a line that says what passed

.PHONY: repeat
repeat: $(STAMP) ## run targets several times, the last time under load: TARGET="pytest test-hub" TIMES=5 LOAD=4
	tools/repeat.sh "$(or $(TIMES),5)" $(MAKE) --no-print-directory $(or $(TARGET),test)

.PHONY: demo
demo: $(STAMP) ## make a lab server to look at, in a container on this machine (DEMO_PORT=8443)
	tools/demo.sh up

.PHONY: demo-clean
demo-clean: ## remove the lab server of `make demo`
	tools/demo.sh down

.PHONY: soak
soak: sanity units soak-shares soak-images soak-apps soak-adopt soak-steps soak-offline soak-long soak-resurrect soak-exchange soak-push soak-kill soak-real ## everything that takes long

.PHONY: changelog
changelog: $(STAMP) ## write CHANGELOG.rst from changelogs/
	antsibull-changelog generate

# KEY is a private key of ssh; DRY=1 makes everything and keeps nothing.
.PHONY: release
release: $(STAMP) check sanity units ## VERSION=0.2.0 [KEY=FILE] [GPG=KEY] [DRY=1]: check, write notes, build, sign and tag a release
	python tools/release.py "$(VERSION)" $(if $(DRY),--dry-run) $(KEY:%=--key "%") $(GPG:%=--gpg "%")

.PHONY: docs
docs: $(STAMP) house ## renew the generated parts of the documentation
	python tools/role_docs.py

.PHONY: languages
languages: $(STAMP) ## bring the catalogues of the hub's pages up to date with the sentences of the code
	python tools/languages.py

.PHONY: house
house: $(STAMP) ## draw the rooms and who imports whom (docs/develop/house.svg)
	python tools/house.py

.PHONY: soak-shares
soak-shares: $(STAMP) ## long faults of the shares on a kernel of their own (about 6 minutes)
	export PYTHONPATH=$(CURDIR)/tests/support; trap 'python -m machines down' EXIT; python -m machines up; \
	  ANSIBLE_COLLECTIONS_PATH=$(CURDIR)/collections pytest -v -s -p no:cacheprovider tests/soak/shares

.PHONY: soak-images
soak-images: $(STAMP) ## build the images and use each, in a browser too (about half an hour; apt packages chromium, nginx)
	tools/engine.sh
	pytest -v -p no:cacheprovider tests/soak/images

.PHONY: soak-apps
soak-apps: $(STAMP) ## apps of examples/ with real software: Etherpad of npm (a few minutes, most of them npm's)
	tools/engine.sh
	pytest -v -p no:cacheprovider tests/soak/apps

.PHONY: soak-adopt
soak-adopt: $(STAMP) ## take over a server with TLJH and a hub by Compose, and give them back (about 10 minutes)
	VENV=$(VENV) source ./activate; MOLECULE_GLOB='tests/soak/*/molecule.yml' molecule test -s adopt

.PHONY: soak-steps
soak-steps: $(STAMP) ## compile STEPS on a bare host, use it from the hub's list and as an app (about 20 minutes)
	VENV=$(VENV) source ./activate; MOLECULE_GLOB='tests/soak/*/molecule.yml' molecule test -s steps

.PHONY: soak-offline
soak-offline: $(STAMP) ## set up a host without any route from a bundle, and update it by the next one (about 20 minutes)
	VENV=$(VENV) source ./activate; MOLECULE_GLOB='tests/soak/*/molecule.yml' molecule test -s offline

.PHONY: soak-long
soak-long: $(STAMP) ## the long tests of the scenarios and of the servers' tests, with all others of them (about two hours)
	VENV=$(VENV) source ./activate; export LABSERVER_LONG=1 REGISTRY_EXAMPLES=50; \
	  for scenario in default hub accounts apps certificates registry; do molecule test -s $$scenario; done; \
	  for folder in hub_process images registry certificates project/test_release.py project/test_awx.py; do pytest -v -p no:cacheprovider tests/$$folder; done

.PHONY: soak-resurrect
soak-resurrect: $(STAMP) ## bring a whole server back to a bare host, and take that one out of service (about 20 minutes)
	VENV=$(VENV) source ./activate; LABSERVER_LONG=1 molecule test -s backup

.PHONY: soak-exchange
soak-exchange: $(STAMP) ## exchange hub, proxy and configuration while 20 kernels (KERNELS=) count (about 10 minutes)
	VENV=$(VENV) source ./activate; LABSERVER_LONG=1 LABSERVER_KERNELS="$(or $(KERNELS),20)" MOLECULE_GLOB='tests/soak/*/molecule.yml' molecule test -s exchange

.PHONY: soak-push
soak-push: $(STAMP) ## a thousand pushes (PUSHES=) in a row of maintenance rounds of the registry (about 10 minutes)
	PUSHES="$(PUSHES)" pytest -v -s -p no:cacheprovider tests/soak/registry

.PHONY: soak-kill
soak-kill: $(STAMP) ## kills at other moments than the tests know: SEED= repeats, ROUNDS= of each (about 5 minutes)
	SEED="$(SEED)" ROUNDS="$(ROUNDS)" pytest -v -s -p no:cacheprovider tests/soak/kills

# The images come from .cache/images, where the scenario "default" leaves them.
.PHONY: soak-real
soak-real: $(STAMP) ## a lab made as the README says on a kernel of its own: limits, isolation, reboot (about an hour)
	export PYTHONPATH=$(CURDIR)/tests/support LABSERVER_MACHINE=real; trap 'python -m machines down' EXIT; \
	  python -m machines up; python -m machines inside pytest -v -s -p no:cacheprovider tests/soak/real

.PHONY: soak-emulated
soak-emulated: $(STAMP) ## what only Debian's own kernel shows, under qemu: AppArmor, nftables, its initramfs and quotas
	export PYTHONPATH=$(CURDIR)/tests/support LABSERVER_MACHINE=emulated; trap 'python -m machines down' EXIT; \
	  python -m machines up; python -m machines inside pytest -v -s -p no:cacheprovider tests/soak/emulated

.PHONY: try-host-real
try-host-real: $(STAMP) ## the proof of tools/try-host.sh on that machine (about 40 minutes)
	export PYTHONPATH=$(CURDIR)/tests/support LABSERVER_MACHINE=real; trap 'python -m machines down' EXIT; \
	  python -m machines up; python -m machines inside tools/try-host.sh --yes --ssh-config .cache/machines/run-real/ssh_config \
	  --report .cache/try-host-real.md admin@192.0.2.2

.PHONY: controllers
controllers: $(STAMP) ## every supported ansible-core: playbooks, inventories, unit tests (2.20 and later need Python 3.12)
	VENV=$(VENV) tools/controllers.sh
