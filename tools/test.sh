#!/usr/bin/env bash
# `make test`: everything, and at the end one line a person can trust. The scenarios run in two lanes, one a core.
set -euo pipefail
cd "$(dirname "$0")/.."
. ./activate
export LABSERVER_WHOLE_SEQUENCE=1
logs=.cache/logs
mkdir -p "$logs"
began=$(date +%s)

# One entry of the list: the name of a scenario, or a folder of tests that start real servers on loopback.
run_one() {
  local start status=0 log=$logs/${1//\//-}
  start=$(date +%s)
  case $1 in
    tests/*) pytest -v -p no:cacheprovider "$1" >"$log.log" 2>&1 </dev/null || status=$? ;;
    *) molecule test -s "$1" >"$log.log" 2>&1 </dev/null || status=$? ;;
  esac
  if [ "$status" -eq 0 ]; then
    echo "$1: passed in $(($(date +%s) - start)) s"
  else
    echo "$1: FAILED in $(($(date +%s) - start)) s; the end of $log.log:"
    tail -n 150 "$log.log"
  fi
  echo "$status" >"$log.status"
}
export -f run_one
export logs

tools/engine.sh
tools/test-packages.sh
for suite in bookworm trixie; do
  tools/host-image.sh "$suite"
done
# Two at a time, in this order: the default scenario builds all images and leaves them for those that come later.
entries=(default certificates shares hub tests/registry apps tests/certificates accounts registry docker backup)
there=$(cd molecule && ls -d -- */molecule.yml | xargs -n 1 dirname | sort)
if [ "$(printf '%s\n' "${entries[@]}" | grep -v / | sort)" != "$there" ]; then
  echo "tools/test.sh: the list of scenarios and the folders in molecule/ differ:" >&2
  diff <(printf '%s\n' "${entries[@]}" | grep -v / | sort) <(echo "$there") >&2 || true
  exit 1
fi
rm -f "$logs"/*.status
printf '%s\n' "${entries[@]}" | xargs -P 2 -I '{}' bash -c 'run_one {}'
passed=$(cat "$logs"/*.status | grep -c '^0$' || true)
failed=$((${#entries[@]} - passed))
echo
echo "scenarios and server tests after $(($(date +%s) - began)) s:"
echo "$passed passed, $failed failed"
[ "$failed" -eq 0 ]
