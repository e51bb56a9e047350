#!/usr/bin/env bash
# Installs Debian's packages that the scenarios and the server tests need: real parts instead of mocks.
set -euo pipefail
packages=(
  btrfs-progs                                 # a file system whose quotas every kernel knows
  chromium fonts-dejavu-core                  # a browser
  docker-registry apache2-utils               # an image registry, and another writer of htpasswd files
  libnginx-mod-http-lua                       # what the registry's front holds requests with
  pebble certbot faketime nginx-light openssl # an ACME server, its client, another clock, the front door
  user-mode-linux cifs-utils gcc libc6-dev    # a kernel with cifs (tests/support/machines/xstate.c)
  restic                                      # what keeps the backups
  samba smbclient nfs-ganesha nfs-ganesha-vfs # a NAS
)
missing=()
for package in "${packages[@]}"; do
  dpkg-query -W -f '${Status}' "$package" 2>/dev/null | grep -q "ok installed" || missing+=("$package")
done
((${#missing[@]})) || exit 0
echo "tests: installing ${missing[*]}"
# The tests start what they need, on ports of their own; nothing is to run as a service of this machine.
policy=/usr/sbin/policy-rc.d
if [ ! -e "$policy" ]; then
  printf '#!/bin/sh\nexit 101\n' > "$policy"
  chmod +x "$policy"
  trap 'rm -f "$policy"' EXIT
fi
apt-get update -qq
DEBIAN_FRONTEND=noninteractive apt-get install -y -qq --no-install-recommends "${missing[@]}" >/dev/null
