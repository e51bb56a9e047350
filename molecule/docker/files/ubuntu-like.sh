#!/bin/sh
# Makes a Debian host say that it is Ubuntu, and gives it a small package source with Ubuntu's names for Debian's packages.
# It proves the branches of the roles for Ubuntu, not Ubuntu itself.    usage: ubuntu-like.sh FOLDER
set -eu
folder=$1
mkdir -p "$folder"
cd "$folder"
transitional() { # Ubuntu's name, Debian's packages
  work=$(mktemp -d)
  chmod 755 "$work"
  mkdir "$work/DEBIAN"
  printf 'Package: %s\nVersion: 1.0\nArchitecture: all\nMaintainer: lab <lab@example.org>\nDepends: %s\nDescription: stand-in\n' \
    "$1" "$2" > "$work/DEBIAN/control"
  dpkg-deb -Znone -b "$work" "$1_1.0_all.deb" >/dev/null
  {
    cat "$work/DEBIAN/control"
    echo "Filename: ./$1_1.0_all.deb"
    echo "Size: $(stat -c %s "$1_1.0_all.deb")"
    echo "SHA256: $(sha256sum "$1_1.0_all.deb" | cut -d' ' -f1)"
    echo
  } >> Packages
  rm -r "$work"
}
# Ubuntu's docker.io contains the client, Debian's does not.
transitional docker-buildx docker-cli
transitional docker-compose-v2 docker-compose
chmod -R a+rX "$folder"
echo "deb [trusted=yes] file:$folder ./" > /etc/apt/sources.list.d/ubuntu-names.list
cat > /usr/lib/os-release <<'END'
PRETTY_NAME="Ubuntu 24.04.3 LTS"
NAME="Ubuntu"
VERSION_ID="24.04"
VERSION="24.04.3 LTS (Noble Numbat)"
VERSION_CODENAME=noble
ID=ubuntu
ID_LIKE=debian
UBUNTU_CODENAME=noble
END
touch "$folder/done"
