#!/usr/bin/env bash
# `make test`: everything, and at the end one line a person can trust. The scenarios run in two lanes, one a core.
set -euo pipefail
cd "$(dirname "$0")/.."
. ./activate
export LABSERVER_WHOLE_SEQUENCE=1
logs=.cache/logs
mkdir -p "$logs"
began=$(date +%s)

run() { # scenario
  local start status=0
  start=$(date +%s)
  molecule test -s "$1" >"$logs/$1.log" 2>&1 </dev/null || status=$?
  if [ "$status" -eq 0 ]; then
    echo "molecule $1: passed in $(($(date +%s) - start)) s"
  else
    echo "molecule $1: FAILED in $(($(date +%s) - start)) s; the end of $logs/$1.log:"
    tail -n 150 "$logs/$1.log"
  fi
  return "$status"
}

lane() { # scenarios, one after the other
  local failed=0 scenario
  for scenario in "$@"; do
    run "$scenario" || failed=$((failed + 1))
  done
  return "$failed"
}

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
# Longest first in each lane; every folder of molecule/ with a molecule.yml has to be in one of them.
first=(default)
second=(docker apps)
known=$(printf '%s\n' "${first[@]}" "${second[@]}" | sort)
there=$(cd molecule && ls -d -- */molecule.yml | xargs -n 1 dirname | sort)
if [ "$known" != "$there" ]; then
  echo "tools/test.sh: the scenarios in molecule/ and those in the two lanes differ:" >&2
  diff <(echo "$known") <(echo "$there") >&2 || true
  exit 1
fi
one=0
two=0
lane "${first[@]}" & pid1=$!
lane "${second[@]}" & pid2=$!
wait "$pid1" || one=$?
wait "$pid2" || two=$?
total=$((${#first[@]} + ${#second[@]}))
failed=$((one + two))
echo
echo "molecule scenarios after $(($(date +%s) - began)) s:"
echo "$((total - failed)) passed, $failed failed"
[ "$failed" -eq 0 ]
