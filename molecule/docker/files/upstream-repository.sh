#!/bin/sh
# A stand-in for Docker's package repository, which a closed network cannot reach: Debian's own packages under the names
# that Docker gives its own, signed with a key made here.    usage: upstream-repository.sh FOLDER SUITE
set -eu
folder=$1
suite=$2
work=$(mktemp -d)
chmod 755 "$work"
cd "$work"
apt-get update -qq
apt-get install -y -qq --no-install-recommends apt-utils gpg gpg-agent >/dev/null
apt-get download -qq docker.io docker-cli docker-compose containerd runc

repack() { # name, depends, Debian's packages
  name=$1
  depends=$2
  shift 2
  mkdir -p "new/DEBIAN"
  for package in "$@"; do
    dpkg-deb -R "$(ls "$package"_*.deb)" "one"
    for script in preinst postinst prerm postrm; do
      [ ! -e "one/DEBIAN/$script" ] || cp "one/DEBIAN/$script" new/DEBIAN/
    done
    rm -r one/DEBIAN
    cp -a one/. new/
    rm -r one
  done
  sed -i "s/docker\.io/$name/g" new/DEBIAN/p* 2>/dev/null || true
  printf 'Package: %s\nVersion: 5:99.0-1\nArchitecture: amd64\nMaintainer: lab <lab@example.org>\nDepends: %s\nDescription: stand-in\n' \
    "$name" "$depends" > new/DEBIAN/control
  dpkg-deb -Znone -b new "pool/${name}_99.0_amd64.deb" >/dev/null
  rm -r new
}
mkdir pool
repack containerd.io 'libc6' containerd runc
repack docker-ce-cli 'libc6' docker-cli
repack docker-ce 'containerd.io, docker-ce-cli, iptables, adduser' docker.io
repack docker-compose-plugin 'libc6' docker-compose
mkdir -p new/DEBIAN
printf 'Package: docker-buildx-plugin\nVersion: 99.0\nArchitecture: amd64\nMaintainer: lab <lab@example.org>\nDescription: stand-in\n' > new/DEBIAN/control
dpkg-deb -Znone -b new pool/docker-buildx-plugin_99.0_amd64.deb >/dev/null

mkdir -p "$folder/dists/$suite/stable/binary-amd64"
mv pool "$folder/"
cd "$folder"
apt-ftparchive packages pool > "dists/$suite/stable/binary-amd64/Packages"
apt-ftparchive -o "APT::FTPArchive::Release::Suite=$suite" -o APT::FTPArchive::Release::Components=stable \
  -o APT::FTPArchive::Release::Architectures=amd64 release "dists/$suite" > "$work/Release"
export GNUPGHOME="$work"
chmod 700 "$work"
gpg --batch --quiet --passphrase '' --quick-generate-key 'stand-in <lab@example.org>' rsa2048 sign never
gpg --batch --yes --clearsign --output "dists/$suite/InRelease" "$work/Release"
gpg --export --armor > key.asc
chmod -R a+rX "$folder"
