#!/usr/bin/env bash
# `make test`: everything, and at the end one line a person can trust. The scenarios run in lanes, two unless LANES says more.
set -euo pipefail
cd "$(dirname "$0")/.."
. ./activate
export LABSERVER_WHOLE_SEQUENCE=1
export logs=.cache/logs
# Longest first, so that no lane waits for another at the end; but the default scenario before all, as it builds the images
# and leaves them for hub, together, backup and registry.
entries=(default shares apps hub together backup certificates tests/images parts outgoing tests/registry registry tests/certificates tests/hub_process tests/backup docker accounts tests/usage tests/doctor)
# A scenario takes 13 minutes at most on a quiet machine; what hangs must not hold up the rest for ever.
export limit_seconds=${LIMIT_SECONDS:-3000}

listed=$(printf '%s\n' "${entries[@]}" | grep -v / | sort)
there=$(cd molecule && ls -d -- */molecule.yml | xargs -n 1 dirname | sort)
if [ "$listed" != "$there" ]; then
  echo "tools/test.sh: the list of scenarios here and the folders in molecule/ differ:" >&2
  diff <(echo "$listed") <(echo "$there") >&2 || true
  exit 1
fi

# One entry of the list: the name of a scenario, or a folder of tests that start real servers on loopback.
run_one() {
  local start status=0 took verdict log=$logs/${1//\//-}
  local -a command=(molecule test -s "$1")
  case $1 in tests/*) command=(pytest -v -p no:cacheprovider "$1") ;; esac
  start=$(date +%s)
  # timeout gives the entry a process group of its own; it has to be ended with this run.
  timeout --kill-after=60 "$limit_seconds" "${command[@]}" >"$log.log" 2>&1 </dev/null &
  trap "kill $! 2>/dev/null" INT TERM HUP
  wait $! || status=$?
  took=$(($(date +%s) - start))
  verdict=passed
  if [ "$status" -eq 124 ] || [ "$status" -eq 137 ]; then
    verdict="FAILED (ended after its limit of $limit_seconds s)"
    case $1 in tests/*) ;; *) molecule destroy -s "$1" >>"$log.log" 2>&1 </dev/null || true ;; esac
  elif [ "$status" -ne 0 ]; then
    verdict=FAILED
  fi
  echo "$1: $verdict in $took s"
  if [ "$status" -ne 0 ]; then
    echo "the end of $log.log:"
    tail -n 60 "$log.log"
  fi
  echo "$status $took $1" >"$log.status"
}
export -f run_one

# What went wrong in an entry, in a few lines: tasks that failed with their words, tests that failed with their assertion.
causes() {
  grep -E -A 12 'fatal: |FAILED! =>|ERROR! ' "$1" | cut -c 1-400 | head -n 25 || true
  grep -E '(^|│ *)(E  |(FAILED|ERROR) )' "$1" | cut -c 1-400 | head -n 15 || true
}

began=$(date +%s)
mkdir -p "$logs"
rm -f "$logs"/*.status
tools/engine.sh
tools/test-packages.sh
for suite in bookworm trixie; do
  tools/host-image.sh "$suite"
done
printf '%s\n' "${entries[@]}" | xargs -P "${LANES:-2}" -I '{}' bash -c 'run_one {}' || true
passed=$(cat "$logs"/*.status | grep -c '^0 ' || true)
failed=$((${#entries[@]} - passed))
echo
echo "scenarios and server tests after $(($(date +%s) - began)) s:"
cat "$logs"/*.status | sort -k 2 -rn | while read -r status took name; do
  printf '  %-20s %5s s%s\n' "$name" "$took" "$([ "$status" -eq 0 ] || echo '  FAILED')"
done
for entry in "${entries[@]}"; do
  [ -e "$logs/${entry//\//-}.status" ] || printf '  %-20s never ended\n' "$entry"
done
for status in "$logs"/*.status; do
  case $(cat "$status") in
    '0 '*) ;;
    *)
      printf '\n%s, causes in %s:\n' "$(cut -d ' ' -f 3 "$status")" "${status%.status}.log"
      causes "${status%.status}.log"
      ;;
  esac
done
echo "$passed passed, $failed failed"
[ "$failed" -eq 0 ]
