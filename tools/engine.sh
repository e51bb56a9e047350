#!/usr/bin/env bash
# Makes sure that a Docker engine works on this machine: installs Debian's and starts it when there is none, and starts a
# container, since an engine may answer and yet be unable to start anything.
set -euo pipefail
answers() { docker version --format '{{.Server.Version}}' >/dev/null 2>&1; }

# An image of this machine's own /bin/true and its libraries: nothing has to be pulled.
check=labserver-engine-check
starts() {
  docker image inspect "$check" >/dev/null 2>&1 \
    || { echo /bin/true; ldd /bin/true | grep -o '/[^ ]*'; } | tar --create --dereference --absolute-names --files-from=- \
      | docker import - "$check" >/dev/null
  said=$(docker run --rm --pull never "$check" /bin/true 2>&1)
}

# The engine answers: end with 0 when it starts a container, or else with what is wrong and what to do.
verdict() {
  local said='' how='restart the engine: systemctl restart docker'
  if starts; then
    exit 0
  fi
  [ -d /run/systemd/system ] || how='end the engine (its process id is in /var/run/docker.pid) and run tools/engine.sh again'
  {
    echo "engine: the Docker engine answers and starts no container. It says: ${said:-nothing}"
    case $said in
      *'could not find bridge'*)
        echo "engine: its network bridge was taken away, as a second dockerd with --bridge=none does or 'ip link delete'." ;;
    esac
    echo "engine: what to do: look at /var/log/dockerd.log or 'journalctl -u docker', then $how"
  } >&2
  exit 1
}

if answers; then
  verdict
fi
if ! command -v dockerd >/dev/null; then
  echo "engine: installing docker.io"
  apt-get update -qq
  DEBIAN_FRONTEND=noninteractive apt-get install -y -qq --no-install-recommends docker.io iptables >/dev/null
  apt-cache show docker-cli >/dev/null 2>&1 \
    && DEBIAN_FRONTEND=noninteractive apt-get install -y -qq --no-install-recommends docker-cli >/dev/null
fi
if [ -d /run/systemd/system ]; then
  systemctl start docker
else
  # No init system here (a container, a CI machine): the engine runs until the machine stops.
  echo "engine: starting dockerd (log: /var/log/dockerd.log)"
  (
    # No file of whoever called this, such as a lock, stays open as long as the engine runs.
    for descriptor in $(ls "/proc/$BASHPID/fd"); do
      [ "$descriptor" -le 2 ] || eval "exec $descriptor>&-"
    done
    exec setsid dockerd >/var/log/dockerd.log 2>&1 </dev/null
  ) &
fi
for _ in $(seq 60); do
  if answers; then
    verdict
  fi
  sleep 1
done
echo "engine: no Docker engine answers after 60 s; see /var/log/dockerd.log or 'journalctl -u docker'" >&2
exit 1
