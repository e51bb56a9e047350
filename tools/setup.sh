#!/usr/bin/env bash
# Installs what this checkout needs on a Debian machine: a few apt packages (only those missing) and the
# virtual environment given as the first argument. Safe to run again; does nothing when all is there.
# A second argument (2.17, for example) puts the newest ansible-core of that series in place of the one of requirements.txt;
# ansible-test and pytest work with it, while ansible-lint and molecule may ask for a newer one.
set -euo pipefail
venv=${1:?usage: tools/setup.sh VENV [SERIES OF ANSIBLE-CORE]}
core=${2:-}
here=$(cd "$(dirname "$0")/.." && pwd)

packages=(python3-venv git make tar mmdebstrap ca-certificates)
missing=()
for package in "${packages[@]}"; do
  dpkg-query -W -f '${Status}' "$package" 2>/dev/null | grep -q 'ok installed' || missing+=("$package")
done
if ((${#missing[@]})); then
  if [ "$(id -u)" != 0 ]; then
    echo "setup: ${missing[*]} missing, and only root can install them; run: sudo apt-get install ${missing[*]}" >&2
    exit 1
  fi
  echo "setup: installing ${missing[*]}"
  apt-get update -qq
  DEBIAN_FRONTEND=noninteractive apt-get install -y -qq --no-install-recommends "${missing[@]}" >/dev/null
fi

if ! python3 -c 'import sys; sys.exit(sys.version_info < (3, 11))'; then
  echo "setup: python3 is $(python3 --version), but 3.11 or newer is needed" >&2
  exit 1
fi
[ -x "$venv/bin/python" ] || python3 -m venv "$venv"
echo "setup: installing the Python packages of requirements-dev.txt into $venv"
"$venv/bin/pip" install -q --root-user-action=ignore --disable-pip-version-check -r "$here/requirements-dev.txt"
if [ -n "$core" ]; then
  echo "setup: installing ansible-core $core"
  "$venv/bin/pip" install -q --root-user-action=ignore --disable-pip-version-check "ansible-core==$core.*"
fi
