#!/usr/bin/env bash
# Runs `ansible-test sanity|units --local` on a copy of the tree, since it insists on a real path
# .../ansible_collections/labserver/jupyter. Further arguments are passed on.
set -euo pipefail
command=${1:?usage: tools/ansible-test.sh sanity|units [arguments]}
shift
root=$(cd "$(dirname "$0")/.." && pwd)
# Outside the checkout: inside, ansible-test would ask git for the files and find all of the copy ignored.
# One for each command, since `make check` runs two at a time.
copy=${TMPDIR:-/tmp}/ansible-test-$command-$(printf %s "$root" | sha256sum | cut -c1-12)/ansible_collections/labserver/jupyter
python=$(python3 -c 'import sys; print("%d.%d" % sys.version_info[:2])')

# ansible-test downloads get-pip from a site that a closed lab cannot reach; Python's own ensurepip serves as well.
cache=${HOME}/.ansible/test/cache
mkdir -p "$cache"
for version in 23_1_2 24_2 25_2; do # what ansible-core 2.17, 2.18 and 2.19, 2.20 and 2.21 ask for
  cat > "$cache/get_pip_$version.py" <<'PY'
import os
import subprocess
import sys

env = {key: value for key, value in os.environ.items() if key != "GET_PIP"}
args = [arg for arg in sys.argv[1:] if arg not in ("--no-setuptools", "--no-wheel")]
subprocess.check_call([sys.executable, "-m", "ensurepip"], env=env, stdout=subprocess.DEVNULL)
subprocess.check_call([sys.executable, "-m", "pip", "install", "--quiet", *args], env=env)
PY
done

# ansible-test ignores ansible.cfg of the checkout and keeps its own cache below ~/.ansible.
unset ANSIBLE_HOME ANSIBLE_CONFIG
mkdir -p "$copy"
find "$copy" -mindepth 1 -maxdepth 1 ! -name tests -exec rm -rf {} +
find "$copy/tests" -mindepth 1 -maxdepth 1 ! -name output -exec rm -rf {} + 2>/dev/null || true
# What ansible-test is made for: the plugins and their units. Programs inside images, scenarios and the other tests have
# rules of their own (ruff, mypy).
excluded=(collections/ansible_collections molecule 'roles/*/files/*')
for folder in "$root"/tests/*/; do
  case $folder in */unit/ | */sanity/) ;; *) excluded+=("tests/$(basename "$folder")") ;; esac
done
(cd "$root" && git ls-files -z -co --exclude-standard -- . "${excluded[@]/#/:!}" \
  | while IFS= read -r -d '' file; do [ -e "$file" ] && printf '%s\0' "$file"; done \
  | tar --null -T- -c) | tar -x -C "$copy"
cd "$copy"
skipped=()
case $(ansible-test --version) in
  # 2.17 refuses any text in an __init__.py of module_utils, where ours say what a room is for; 2.18 took that back, and runs
  # take them with either. (An ignore file would be part of the artifact, and Galaxy's importer warns of those.)
  *' 2.17.'*) skipped=(--skip-test empty-init) ;;
esac
case $command in
  sanity) exec ansible-test sanity --local --python "$python" --color yes "${skipped[@]}" "$@" ;;
  units) exec ansible-test units --local --python "$python" --color yes "$@" ;;
  *) echo "unknown command $command" >&2; exit 2 ;;
esac
