#!/usr/bin/env bash
# Type-checks the plugins under their collection name, the hub's package, and what tests share.
set -euo pipefail
cd "$(dirname "$0")/.."
mapfile -t plugins < <(cd collections && find -L ansible_collections/labserver/jupyter/plugins -name '*.py' | sort)
(cd collections && mypy --config-file ../pyproject.toml --cache-dir ../.mypy_cache "${plugins[@]}")
# The hub's package as its image gets it, with the files that come from elsewhere.
hub=$PWD/.cache/hub
python3 tests/support/hub_package.py "$hub"
(cd "$hub" && mypy --config-file "$OLDPWD/pyproject.toml" --cache-dir "$OLDPWD/.mypy_cache" labhub)
# What fetches for the registry's caches.
(cd roles/registry/files/images/registry && mypy --config-file "$OLDPWD/pyproject.toml" --cache-dir "$OLDPWD/.mypy_cache" -p fetcher)
MYPYPATH=tests/support:$hub mypy --cache-dir .mypy_cache tests/support
