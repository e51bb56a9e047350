#!/usr/bin/env bash
# Runs a command several times in a row, the last time with other load beside it, and says how each run ended: a test that
# fails one time in ten is found before others find it. Ends with 0 when all were well.
#   tools/repeat.sh TIMES COMMAND...     LOAD= busy processes beside the last run (default: twice the processors)
set -uo pipefail
if (($# < 2)) || ! [[ $1 =~ ^[1-9][0-9]*$ ]]; then
  echo "usage: tools/repeat.sh TIMES COMMAND...  (TIMES: how often, 1 or more)" >&2
  exit 2
fi
times=$1
shift
load=${LOAD:-$((2 * $(nproc)))}
logs=$(dirname "$0")/../.cache/repeat
mkdir -p "$logs"
busy=()
trap '((${#busy[@]})) && kill "${busy[@]}" 2> /dev/null' EXIT
failed=0
for ((run = 1; run <= times; run++)); do
  beside=
  if ((run == times && load > 0)); then
    beside=", with $load busy processes beside it"
    for ((one = 0; one < load; one++)); do
      (while :; do :; done) &
      busy+=($!)
    done
  fi
  log=$logs/$run.log
  began=$SECONDS
  if "$@" > "$log" 2>&1 < /dev/null; then
    echo "run $run of $times: well, $((SECONDS - began)) s$beside"
  else
    status=$?
    failed=$((failed + 1))
    echo "run $run of $times: FAILED with status $status, $((SECONDS - began)) s$beside; see $(realpath "$log")"
  fi
done
echo "$((times - failed)) of $times runs were well: $*"
((failed == 0))
