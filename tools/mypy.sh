#!/usr/bin/env bash
# Type-checks the plugins under their collection name, the hub's package, and what tests share.
set -euo pipefail
cd "$(dirname "$0")/.."
mapfile -t plugins < <(cd collections && find -L ansible_collections/labserver/jupyter/plugins -name '*.py' | sort)
(cd collections && mypy --config-file ../pyproject.toml --cache-dir ../.mypy_cache "${plugins[@]}")
mypy --cache-dir .mypy_cache roles/hub/files/images/hub/labhub
MYPYPATH=tests/support:roles/hub/files/images/hub mypy --cache-dir .mypy_cache tests/support
