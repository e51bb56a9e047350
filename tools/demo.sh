#!/usr/bin/env bash
# The disposable lab server of `make demo`: a Debian host with systemd in a container, with an engine of its own.
#   usage: tools/demo.sh up|down
set -euo pipefail
cd "$(dirname "$0")/.."
name=labserver-demo
say() { printf '\n\033[1m%s\033[0m\n' "$*"; }

down() {
  docker rm --force --volumes "$name" >/dev/null 2>&1 || true
  docker network rm "$name" >/dev/null 2>&1 || true
  rm -rf inventory/demo/one-time-passwords
  say "The demo lab server is gone."
}

start_host() {
  if [ "$(docker inspect --format '{{.State.Running}}' "$name" 2>/dev/null || true)" = true ]; then
    say "[2/4] The demo host runs already"
    return
  fi
  say "[2/4] Starting a bare Debian host (container $name)"
  image=$(tools/host-image.sh trixie | tail -n 1)
  if docker inspect "$name" >/dev/null 2>&1; then
    docker start "$name" >/dev/null
  else
    docker network inspect "$name" >/dev/null 2>&1 || docker network create "$name" >/dev/null
    docker run --detach --name "$name" --hostname demo --network "$name" \
      --cap-add SYS_ADMIN --cap-add NET_ADMIN --cap-add SYS_PTRACE --security-opt seccomp=unconfined --cgroupns host \
      --tmpfs /run --volume /sys/fs/cgroup:/sys/fs/cgroup:rw --volume /var/lib/docker \
      --publish 127.0.0.1:8443:443 --stop-signal SIGRTMIN+3 "$image" >/dev/null
  fi
  docker exec "$name" systemctl is-system-running --wait >/dev/null || true
}

up() {
  say "[1/4] Looking for a Docker engine"
  tools/engine.sh
  start_host
  say "[3/4] Making it a lab server: ansible-playbook -i inventory/demo playbooks/site.yml"
  ansible-playbook -i inventory/demo playbooks/site.yml
  say "[4/4] Waiting for the hub"
  url=https://localhost:8443
  python tools/wait_for.py "$url/hub/login" 60 || {
    echo "the hub does not answer at $url; see: docker exec $name docker logs labserver-hub" >&2
    exit 1
  }
  say "The lab server is ready."
  cat <<TEXT

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
