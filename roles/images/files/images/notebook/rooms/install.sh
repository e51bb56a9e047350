#!/bin/sh
# Switches working together off at the server (in the browser ../quiet does), and puts beside it the settings that switch it
# on again: a room's server finds them by JUPYTER_CONFIG_PATH. In a person's own server nothing of it is loaded.
# (What the room notes for itself is in memory: a home that is new or full keeps nobody out, and documents are files.)
set -eu
from=$(dirname "$0")
to=/opt/jupyter/etc
for installed in jupyter_collaboration jupyter_server_fileid; do
  file=$to/jupyter/jupyter_server_config.d/$installed.json
  grep -q ': true$' "$file" # else the package has changed, and this does not do what it says
  sed -i 's/: true$/: false/' "$file"
done
cp -r "$from/config" "$to/labserver-room"
chmod -R a+rX "$to/labserver-room" "$to/jupyter"
