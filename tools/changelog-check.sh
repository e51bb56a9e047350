#!/usr/bin/env bash
# Fails when a fragment or changelogs/changelog.yaml is malformed, or when CHANGELOG.rst is not what they make.
set -euo pipefail
cd "$(dirname "$0")/.."
antsibull-changelog lint
antsibull-changelog lint-changelog-yaml changelogs/changelog.yaml
copy=$(mktemp -d)
trap 'rm -rf "$copy"' EXIT
cp -r galaxy.yml changelogs "$copy"
(cd "$copy" && antsibull-changelog generate)
if ! diff -u CHANGELOG.rst "$copy/CHANGELOG.rst"; then
  echo "CHANGELOG.rst is not what changelogs/ makes: never edit it by hand; run 'make changelog' and commit the result" >&2
  exit 1
fi
