#!/usr/bin/env bash
# Fetches an ACME server and a client that know ARI and profiles, for the tests: Debian 12's pebble and certbot know neither.
# pebble comes from Debian's next release (its package runs on Debian 12 too), certbot from PyPI. Nothing is installed.
#   usage: tools/newer-acme.sh FOLDER        then there are FOLDER/pebble and FOLDER/certbot/bin/certbot
set -euo pipefail
folder=${1:?usage: tools/newer-acme.sh FOLDER}
suite=forky
mkdir -p "$folder"
folder=$(cd "$folder" && pwd)
if [ ! -x "$folder/pebble" ]; then
  # The archive that this machine installs from, asked for another suite, with lists of its own.
  . /etc/os-release
  archive=$(apt-get indextargets --format '$(ORIGIN)|$(CODENAME)|$(REPO_URI)' 'Created-By: Packages' \
    | awk -F'|' -v c="$VERSION_CODENAME" '$1 == "Debian" && $2 == c {print $3; exit}')
  work=$(mktemp -d)
  trap 'rm -rf "$work"' EXIT
  mkdir -p "$work/lists/partial" "$work/cache/archives/partial"
  echo "deb [signed-by=/usr/share/keyrings/debian-archive-keyring.gpg] ${archive:-http://deb.debian.org/debian} $suite main" \
    > "$work/sources.list"
  options=(-qq -o "Dir::Etc::SourceList=$work/sources.list" -o Dir::Etc::SourceParts=/dev/null
    -o "Dir::State::Lists=$work/lists" -o "Dir::Cache=$work/cache" -o Acquire::Languages=none -o APT::Sandbox::User=root)
  apt-get "${options[@]}" update
  (cd "$work" && apt-get "${options[@]}" download pebble && dpkg-deb -x pebble_*.deb unpacked)
  cp "$work/unpacked/usr/bin/pebble" "$folder/pebble"
fi
if [ ! -x "$folder/certbot/bin/certbot" ]; then
  rm -rf "$folder/certbot"
  python3 -m venv "$folder/certbot"
  "$folder/certbot/bin/pip" install --quiet 'certbot>=5.4'
fi
