#!/usr/bin/env bash
# Makes the images of this scenario and keeps them in .cache/images/apps.tar, which every disposable host sees.
set -euo pipefail
here=$(cd "$(dirname "$0")" && pwd)
root=$(cd "$here/../../.." && pwd)
base=$("$root/tools/host-image.sh" trixie)
version=$( (echo "$base"; cd "$here" && find app cocalc images.sh -type f -exec sha256sum {} + | sort) | sha256sum | cut -c1-12)
mkdir -p "$root/.cache/images"
file=$root/.cache/images/apps.tar
[ "$(cat "$file.version" 2>/dev/null)" != "$version" ] || [ ! -e "$file" ] || exit 0
export DOCKER_BUILDKIT=0
build() { docker build --quiet --build-arg "BASE=$1" --tag "labserver-test/$2" "${@:4}" "$here/$3" >/dev/null; }
build "$base" app app
build labserver-test/app cocalc:1 cocalc --build-arg VERSION=1
build labserver-test/app cocalc:2 cocalc --build-arg VERSION=2
build labserver-test/app cocalc:broken cocalc --build-arg VERSION=broken
build labserver-test/app cocalc:legacy cocalc --build-arg VERSION=1 --build-arg STYLE=legacy
docker save --output "$file.new" labserver-test/app labserver-test/cocalc:{1,2,broken,legacy}
mv "$file.new" "$file"
echo "$version" > "$file.version"
