#!/bin/sh
# Makes the base image of all images of this collection from the host's own package sources (Debian's or Ubuntu's).
#   usage: build.sh SUITE REFERENCE [SOURCE...]      e.g. build.sh trixie labserver/base:0123456789ab
# Sources such as "http://deb.debian.org/debian trixie main" are taken instead of the host's, and have to be Debian's.
# Below /usr/local/share/ca-certificates the host keeps the lab's extra certificates: the image trusts them as well.
set -eu
suite=$1
reference=$2
shift 2

# The archive that this host installs from, whatever the format of its sources (never a name written here). Debian's
# security archive has a codename of its own; Ubuntu's parts have one codename and differ by suite.
. /etc/os-release
if [ $# -gt 0 ]; then
  ID=debian
fi
case $ID in
  debian) origin=Debian name='$(CODENAME)' keyring=/usr/share/keyrings/debian-archive-keyring.gpg components=main parts=security ;;
  ubuntu) origin=Ubuntu name='$(SUITE)' keyring=/usr/share/keyrings/ubuntu-archive-keyring.gpg components='main universe' parts='updates security' ;;
  *) echo "build.sh: this host is $ID; the base image is made on Debian or Ubuntu" >&2; exit 1 ;;
esac
targets=$(apt-get indextargets --format "\$(ORIGIN)|$name|\$(REPO_URI)" 'Created-By: Packages' | sort -u)
archive_of() { # name of a part of the archive
  printf '%s\n' "$targets" | awk -F'|' -v o="$origin" -v n="$1" '$1 == o && $2 == n {print $3; exit}'
}

# The lab's proxy, where the role docker wrote down one (plugins/module_utils/_common/outgoing.py): mmdebstrap's apt has no
# settings of the host. Read here, since the environment of Ansible's commands is seen in the list of processes.
if [ -r /etc/labserver/outgoing.env ]; then
  while IFS= read -r line; do
    case $line in *=*) export "$line" ;; esac
  done < /etc/labserver/outgoing.env
fi

work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
for source in "$@"; do
  echo "deb [signed-by=$keyring] $source" >> "$work/sources.list"
done
if [ $# -eq 0 ]; then
  archive=$(archive_of "$VERSION_CODENAME")
  if [ -z "$archive" ]; then
    echo "build.sh: no $origin archive for $VERSION_CODENAME among the package sources; run 'apt-get update' and look at /etc/apt/sources.list*" >&2
    exit 1
  fi
  echo "deb [signed-by=$keyring] $archive $suite $components" > "$work/sources.list"
  for part in $parts; do
    archive=$(archive_of "$VERSION_CODENAME-$part")
    [ -z "$archive" ] || echo "deb [signed-by=$keyring] $archive $suite-$part $components" >> "$work/sources.list"
  done
fi
mkdir -p /usr/local/share/ca-certificates

# A session of its own: when mmdebstrap fails it ends its whole process group. Mounts of its own: from 1.5 on (Debian 13) it
# makes all mounts private first, and then no container would see a share that the host mounts later.
setsid -w unshare --mount mmdebstrap --quiet --variant=minbase --include=ca-certificates,tini \
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
