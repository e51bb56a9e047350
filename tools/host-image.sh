#!/usr/bin/env bash
# Builds the image of a disposable Debian host with systemd, for the demo and the molecule scenarios, unless it exists.
#   usage: tools/host-image.sh bookworm|trixie      prints the image's reference
set -euo pipefail
suite=${1:?usage: tools/host-image.sh bookworm|trixie}
version=$( { sha256sum < "$0"; find /usr/local/share/ca-certificates -name '*.crt' -exec sha256sum {} + 2>/dev/null | sort; } \
  | sha256sum | cut -c1-12)
reference=labserver-host:$suite-$version
if docker image inspect "$reference" >/dev/null 2>&1; then
  echo "$reference"
  exit 0
fi
command -v mmdebstrap >/dev/null || {
  apt-get update -qq
  DEBIAN_FRONTEND=noninteractive apt-get install -y -qq --no-install-recommends mmdebstrap >/dev/null
}

# The archive that this machine installs from (roles/image_build/files/images/base/build.sh does the same on a lab server).
. /etc/os-release
archive_of() { # codename
  apt-get indextargets --format '$(ORIGIN)|$(CODENAME)|$(REPO_URI)' 'Created-By: Packages' \
    | awk -F'|' -v c="$1" '$1 == "Debian" && $2 == c {print $3; exit}'
}
archive=$(archive_of "$VERSION_CODENAME")
security=$(archive_of "$VERSION_CODENAME-security")
keyring=/usr/share/keyrings/debian-archive-keyring.gpg
sources=$(mktemp)
trap 'rm -f "$sources"' EXIT
echo "deb [signed-by=$keyring] $archive $suite main" > "$sources"
[ -z "$security" ] || echo "deb [signed-by=$keyring] $security $suite-security main" >> "$sources"

mkdir -p /usr/local/share/ca-certificates
packages=systemd,systemd-sysv,dbus,python3,python3-apt,sudo,cron,ca-certificates,iproute2,procps,kmod
# What a real machine has and a container lacks: a writable /proc/sys (the nested engine switches on IP forwarding) and a root
# whose mounts are shared (containers see shares that come and go).
start='CMD ["/bin/sh","-c","mount -o remount,rw,bind /proc/sys; mount --make-rshared /; exec /lib/systemd/systemd"]'
setsid -w unshare --mount mmdebstrap --quiet --variant=minbase --include="$packages" --aptopt='Acquire::Languages "none"' \
  --dpkgopt='path-exclude=/usr/share/man/*' --dpkgopt='path-exclude=/usr/share/locale/*' --dpkgopt='path-exclude=/usr/share/doc/*' \
  --customize-hook='copy-in /usr/local/share/ca-certificates /usr/local/share/' \
  --customize-hook='chroot "$1" update-ca-certificates >/dev/null' \
  --customize-hook=': > "$1/etc/machine-id"' \
  "$suite" - "$sources" \
  | docker import --change "$start" --change 'ENV container=docker LANG=C.UTF-8' - "$reference" >/dev/null
echo "$reference"
