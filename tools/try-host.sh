#!/usr/bin/env bash
# Proves the collection on a real machine over SSH and writes a report: look, check, site, second run, login, spawn, limits,
# isolation, reboot. The machine becomes the lab server of inventory/demo; use one that may be installed anew afterwards.
#   usage: tools/try-host.sh [USER@]HOST [--yes] [--ask-become-pass] [--ssh-config FILE] [--report FILE]
set -euo pipefail
cd "$(dirname "$0")/.."
. ./activate
export PYTHONPATH=$PWD/tests/support
exec python tools/try_host.py "$@"
