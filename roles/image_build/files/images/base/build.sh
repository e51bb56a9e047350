#!/bin/sh
# Makes the base image of all images of this collection from the host's own Debian package sources.
#   usage: build.sh SUITE REFERENCE      e.g. build.sh trixie labserver/base:0123456789ab
# Below /usr/local/share/ca-certificates the host keeps the lab's extra certificates: the image trusts them as well.
set -eu
suite=$1
reference=$2
keyring=/usr/share/keyrings/debian-archive-keyring.gpg

# The archive that this host installs from, whatever the format of its sources (never a name written here).
. /etc/os-release
sources=$(apt-get indextargets --format '$(ORIGIN)|$(CODENAME)|$(REPO_URI)' 'Created-By: Packages' | sort -u)
archive=$(printf '%s\n' "$sources" | awk -F'|' -v c="$VERSION_CODENAME" '$1 == "Debian" && $2 == c {print $3; exit}')
security=$(printf '%s\n' "$sources" | awk -F'|' -v c="$VERSION_CODENAME-security" '$1 == "Debian" && $2 == c {print $3; exit}')
if [ -z "$archive" ]; then
  echo "build.sh: no Debian archive for $VERSION_CODENAME among the package sources; run 'apt-get update' and look at /etc/apt/sources.list*" >&2
  exit 1
fi

work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
{
  echo "deb [signed-by=$keyring] $archive $suite main"
  if [ -n "$security" ]; then
    echo "deb [signed-by=$keyring] $security $suite-security main"
  fi
} > "$work/sources.list"
mkdir -p /usr/local/share/ca-certificates

# A session of its own: when mmdebstrap fails it ends its whole process group.
setsid -w mmdebstrap --quiet --variant=minbase --include=ca-certificates,tini \
  --aptopt='Acquire::Languages "none"' --aptopt='APT::Install-Recommends "false"' \
  --dpkgopt='path-exclude=/usr/share/man/*' --dpkgopt='path-exclude=/usr/share/locale/*' \
  --dpkgopt='path-exclude=/usr/share/doc/*' --dpkgopt='path-include=/usr/share/doc/*/copyright' \
  --customize-hook='copy-in /usr/local/share/ca-certificates /usr/local/share/' \
  --customize-hook='chroot "$1" update-ca-certificates >/dev/null' \
  --customize-hook='rm -rf "$1"/var/lib/apt/lists/* "$1"/var/cache/apt/archives/*.deb "$1"/var/log/*' \
  --customize-hook=': > "$1/etc/machine-id"' \
  "$suite" "$work/base.tar" "$work/sources.list"

docker import \
  --change 'ENV LANG=C.UTF-8 SSL_CERT_FILE=/etc/ssl/certs/ca-certificates.crt REQUESTS_CA_BUNDLE=/etc/ssl/certs/ca-certificates.crt NODE_EXTRA_CA_CERTS=/etc/ssl/certs/ca-certificates.crt' \
  --change 'CMD ["/bin/sh"]' --change 'LABEL org.labserver.room=image_build' \
  "$work/base.tar" "$reference"
