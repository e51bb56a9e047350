#!/usr/bin/env bash
# Tries every ansible-core that the collection supports as a controller: the syntax of all playbooks, the validation of the
# inventories, right and wrong, and the unit tests; each series in a small virtual environment of its own
# (.venv-controller-<series>), with the collections of the main one.
#   usage: tools/controllers.sh [SERIES...]      for example: tools/controllers.sh 2.17 2.21
set -euo pipefail
cd "$(dirname "$0")/.."
here=$PWD
main=${VENV:-$here/.venv}
series=("$@")
((${#series[@]})) || series=(2.17 2.18 2.19 2.20 2.21)
export PYTHONDONTWRITEBYTECODE=1 ANSIBLE_CONFIG=$here/ansible.cfg ANSIBLE_FORCE_COLOR=0
collections=$(echo "$main"/lib/python3.*/site-packages)
export ANSIBLE_COLLECTIONS_PATH=$here/collections:$collections

# The Python of a series: ansible-core 2.20 and newer need 3.12. One of pyenv or of the distribution will do.
python_for() {
  local wanted found
  case $1 in 2.17 | 2.18 | 2.19) wanted="3.11 3.12 3.13" ;; *) wanted="3.12 3.13 3.14" ;; esac
  for version in $wanted; do
    for found in "$(command -v "python$version" || true)" "${PYENV_ROOT:-$HOME/.pyenv}"/versions/"$version".*/bin/python3; do
      if [ -x "$found" ] && "$found" -c "import sys; sys.exit('%d.%d' % sys.version_info[:2] != '$version')" 2>/dev/null; then
        echo "$found"
        return
      fi
    done
  done
  echo "controllers: ansible-core $1 needs one of Python $wanted, and none is installed" >&2
  return 1
}

try() { # series
  local python venv log wrong
  python=$(python_for "$1") || return 1
  venv=$here/.venv-controller-$1
  log=$here/.cache/logs/controller-$1.log
  if [ ! -e "$venv/.ready" ]; then
    "$python" -m venv "$venv" || return 1
    # The tests' own packages in the versions of requirements-dev.txt.
    "$venv/bin/pip" install -q --disable-pip-version-check "ansible-core==$1.*" jmespath bcrypt requests \
      $(grep -E '^(pytest|pytest-xdist|pytest-mock|pytest-asyncio|hypothesis)==' "$here/requirements-dev.txt") || return 1
    touch "$venv/.ready"
  fi
  export ANSIBLE_HOME=$here/.ansible/controller-$1
  : >"$log"
  for playbook in playbooks/*.yml; do
    "$venv/bin/ansible-playbook" -i inventory/example --syntax-check "$playbook" >>"$log" 2>&1 || return 1
  done
  "$venv/bin/ansible-playbook" -i inventory/example playbooks/validate.yml >>"$log" 2>&1 || return 1
  wrong='{"accounts_users": [{"name": "Not A Name"}], "hub_default_cpu": "many"}'
  if "$venv/bin/ansible-playbook" -i inventory/example playbooks/validate.yml -e "$wrong" >>"$log" 2>&1; then
    echo "controllers: wrong inputs were not found" >>"$log"
    return 1
  fi
  (cd collections/ansible_collections/labserver/jupyter \
    && PYTHONPATH=$here/collections "$venv/bin/pytest" -q -n 2 -p no:cacheprovider tests/unit) >>"$log" 2>&1 || return 1
  echo "ansible-core $("$venv/bin/python" -c 'import ansible.release as r; print(r.__version__)')," \
    "$("$python" --version): playbooks, inventories, $(tail -n 1 "$log")"
}

mkdir -p .cache/logs
failed=()
for one in "${series[@]}"; do
  if ! try "$one"; then
    failed+=("$one")
    tail -n 30 ".cache/logs/controller-$one.log" 2>/dev/null || true
  fi
done
if ((${#failed[@]})); then
  echo "controllers: FAILED: ${failed[*]}" >&2
  exit 1
fi
