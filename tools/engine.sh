#!/usr/bin/env bash
# Makes sure that a Docker engine answers on this machine: installs Debian's and starts it when there is none.
set -euo pipefail
answers() { docker version --format '{{.Server.Version}}' >/dev/null 2>&1; }

if answers; then
  exit 0
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
  setsid dockerd >/var/log/dockerd.log 2>&1 </dev/null &
fi
for _ in $(seq 60); do
  if answers; then
    exit 0
  fi
  sleep 1
done
echo "engine: no Docker engine answers after 60 s; see /var/log/dockerd.log or 'journalctl -u docker'" >&2
exit 1
