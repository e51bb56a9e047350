#!/usr/bin/env bash
# `make new-image NAME=...`: a folder for an image of the lab's own, and what to write into the inventory for it.
#   usage: tools/new-image.sh NAME [INVENTORY]      e.g. tools/new-image.sh leem/analysis inventory/mylab
set -euo pipefail
cd "$(dirname "$0")/.."
name=${1:-} inventory=${2:-inventory/example}
if ! [[ $name =~ ^[a-z0-9]+([._-][a-z0-9]+)*(/[a-z0-9]+([._-][a-z0-9]+)*)*$ ]]; then
  echo "new-image: NAME is ${name:+"'$name', "}not a name that registries take; use lower-case letters and digits, with single" \
    ". _ - / between them, for example: make new-image NAME=leem/analysis INVENTORY=inventory/mylab" >&2
  exit 2
fi
if [ ! -d "$inventory" ]; then
  echo "new-image: there is no folder $inventory; name the inventory of your lab with INVENTORY=" >&2
  exit 2
fi
folder=$inventory/images/$name
if [ -e "$folder" ]; then
  echo "new-image: $folder is there already; nothing was changed" >&2
  exit 2
fi
mkdir -p "$folder"
sed "s|org.labserver.title=\"[^\"]*\"|org.labserver.title=\"$name\"|" inventory/example/images/analysis/Dockerfile > "$folder/Dockerfile"
cat <<TEXT
Wrote $folder/Dockerfile; change in it what is installed and how the image is called. Add to images_notebooks of the inventory:

  - {repository: $name, tag: "1", context: "{{ inventory_dir }}/images/$name", base: scientific}

and run: ansible-playbook -i $inventory playbooks/site.yml
TEXT
