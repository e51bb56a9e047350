#!/usr/bin/env bash
# `make test`: everything, and at the end one line a person can trust. The scenarios run in two lanes, one a core.
set -euo pipefail
cd "$(dirname "$0")/.."
. ./activate
export LABSERVER_WHOLE_SEQUENCE=1
logs=.cache/logs
mkdir -p "$logs"
began=$(date +%s)

run_one() { # scenario
  local start status=0
  start=$(date +%s)
  molecule test -s "$1" >"$logs/$1.log" 2>&1 </dev/null || status=$?
  if [ "$status" -eq 0 ]; then
    echo "molecule $1: passed in $(($(date +%s) - start)) s"
  else
    echo "molecule $1: FAILED in $(($(date +%s) - start)) s; the end of $logs/$1.log:"
    tail -n 150 "$logs/$1.log"
  fi
  echo "$status" >"$logs/$1.status"
}
export -f run_one
export logs

tools/engine.sh
missing=()
for package in chromium fonts-dejavu-core; do
  dpkg-query -W -f '${Status}' "$package" 2>/dev/null | grep -q "ok installed" || missing+=("$package")
done
if ((${#missing[@]})); then
  apt-get update -qq
  DEBIAN_FRONTEND=noninteractive apt-get install -y -qq --no-install-recommends "${missing[@]}" >/dev/null
fi
for suite in bookworm trixie; do
  tools/host-image.sh "$suite"
done
# Two at a time, in this order: the default scenario builds all images and leaves them for those that come later.
scenarios=(default certificates shares hub apps accounts registry docker)
there=$(cd molecule && ls -d -- */molecule.yml | xargs -n 1 dirname | sort)
if [ "$(printf '%s\n' "${scenarios[@]}" | sort)" != "$there" ]; then
  echo "tools/test.sh: the list of scenarios and the folders in molecule/ differ:" >&2
  diff <(printf '%s\n' "${scenarios[@]}" | sort) <(echo "$there") >&2 || true
  exit 1
fi
rm -f "$logs"/*.status
printf '%s\n' "${scenarios[@]}" | xargs -P 2 -I '{}' bash -c 'run_one {}'
passed=$(cat "$logs"/*.status | grep -c '^0$' || true)
failed=$((${#scenarios[@]} - passed))
echo
echo "molecule scenarios after $(($(date +%s) - began)) s:"
echo "$passed passed, $failed failed"
[ "$failed" -eq 0 ]
