#!/usr/bin/env bash
# The disposable lab server of `make demo`: a Debian host with systemd in a container, with an engine of its own.
#   usage: tools/demo.sh up|down
# DEMO_PORT is the port of this machine at which the hub answers (8443). What the steps say is in .cache/demo.log.
set -euo pipefail
cd "$(dirname "$0")/.."
name=labserver-demo
port=${DEMO_PORT:-8443}
every=${DEMO_INTERVAL:-5}
log=.cache/demo.log
times=.cache/demo-times
say() { printf '%s\n' "$*"; }
fail() {
  printf '\n%s\n' "The demo stopped: $1" >&2
  shift
  printf '  %s\n' "$@" >&2
  exit 1
}

down() {
  docker rm --force --volumes "$name" >/dev/null 2>&1 || true
  docker network rm "$name" >/dev/null 2>&1 || true
  rm -rf inventory/demo/one-time-passwords
  say "The demo lab server is gone."
}

# What a step does now: the last task that Ansible began, or else the last line that was written.
doing() {
  local now
  now=$(tail -n 400 "$log" | sed -e 's/\x1b\[[0-9;]*m//g' | grep -a '^TASK \[' | tail -n 1 | sed -e 's/^TASK \[//; s/\].*//; s/labserver\.jupyter\.//' || true)
  [ -n "$now" ] || now=$(tail -n 1 "$log" | tr -d '\r' | cut -c1-100)
  say "${now:-starting}"
}

# step NUMBER WORDS HELP COMMAND...: run it, tell every few seconds how far it is, and how long it took the last time.
step() {
  local number=$1 words=$2 help=$3 began=$SECONDS status=0 last shown=0
  shift 3
  last=$(sed -n "s/^$number //p" "$times" 2>/dev/null | tail -n 1)
  say "[$number/4] $words${last:+ (last time $last s)}"
  : >"$log"
  "$@" >"$log" 2>&1 </dev/null &
  local process=$!
  trap 'kill "$process" 2>/dev/null || true' EXIT
  while kill -0 "$process" 2>/dev/null; do
    sleep 0.2
    if ((SECONDS - began >= shown + every)); then
      shown=$((SECONDS - began))
      say "      $shown s${last:+ of about $last s}: $(doing)"
    fi
  done
  wait "$process" || status=$?
  trap - EXIT
  if [ "$status" != 0 ]; then
    tail -n 25 "$log" >&2
    fail "step $number ($words) ended with status $status; its last lines are above, all of them in $log." "$help" \
      "Then run make demo again: it goes on where it was. make demo-clean takes everything away."
  fi
  printf '%s %s\n' "$number" $((SECONDS - began)) >>"$times"
}

may_work() {
  if ! docker version >/dev/null 2>&1 && [ "$(id -u)" != 0 ]; then
    fail "no Docker engine answers to $(id -un), and only root can install or start one." \
      "Run it as root (sudo make demo), or, if an engine runs here, as a member of the group docker."
  fi
  if ! [[ $port =~ ^[0-9]{1,5}$ ]]; then
    fail "DEMO_PORT is '$port', which is not a port." "Give a free one: make demo DEMO_PORT=9443"
  fi
}

start_host() {
  if [ "$(docker container inspect --format '{{.State.Running}}' "$name" 2>/dev/null || true)" = true ]; then
    echo "it runs already"
    return
  fi
  image=$(tools/host-image.sh trixie | tail -n 1)
  if docker container inspect "$name" >/dev/null 2>&1; then
    docker start "$name" >/dev/null
  else
    docker network inspect "$name" >/dev/null 2>&1 || docker network create "$name" >/dev/null
    docker run --detach --name "$name" --hostname demo --network "$name" \
      --cap-add SYS_ADMIN --cap-add NET_ADMIN --cap-add SYS_PTRACE --security-opt seccomp=unconfined --cgroupns host \
      --tmpfs /run --volume /sys/fs/cgroup:/sys/fs/cgroup:rw --volume /var/lib/docker \
      --publish "127.0.0.1:$port:443" --stop-signal SIGRTMIN+3 "$image" >/dev/null \
      || { docker rm --force "$name" >/dev/null 2>&1; return 1; }
  fi
  docker exec "$name" systemctl is-system-running --wait >/dev/null || true
}

up() {
  mkdir -p .cache && touch "$times"
  may_work
  step 1 "Looking for a Docker engine" "The engine's own words say what to do." tools/engine.sh
  step 2 "Starting a bare Debian host (container $name)" \
    "If port $port is in use, take another one: make demo DEMO_PORT=9443" start_host
  # A host that was there before keeps the port it was made with.
  port=$(docker port "$name" 443/tcp 2>/dev/null | sed -n 's/.*://p' | head -n 1 | grep . || echo "$port")
  step 3 "Making it a lab server: ansible-playbook -i inventory/demo playbooks/site.yml" \
    "Packages come from this machine's own Debian, PyPI and npm sources: see that they answer." \
    ansible-playbook -i inventory/demo playbooks/site.yml
  changed=$(sed -e 's/\x1b\[[0-9;]*m//g' "$log" | sed -n '/^demo:$/,$p')
  url=https://localhost:$port
  step 4 "Waiting for the hub" "See what the hub says: docker exec $name docker logs labserver-hub" \
    python tools/wait_for.py "$url/hub/login" 60
  cat <<TEXT

The lab server is ready, after $SECONDS s.
${changed:+$(sed 's/^/  /' <<<"$changed" | head -n 20)
}
  Open       $url   (the browser warns: it does not know the demo's own certificate authority)
  Log in     with a name and one-time password of inventory/demo/one-time-passwords/demo.txt:
$(sed 's/^/               /' inventory/demo/one-time-passwords/demo.txt 2>/dev/null || echo '               (all were used already)')
  Look in    docker exec -it $name bash
  Remove it  make demo-clean
TEXT
}

case ${1:-} in
  up) up ;;
  down) down ;;
  *) echo "usage: tools/demo.sh up|down" >&2; exit 2 ;;
esac
