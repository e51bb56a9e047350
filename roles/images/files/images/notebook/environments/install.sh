#!/bin/sh
# Puts the package that finds people's environments into JupyterLab's own environment; run in the build stage.
set -eu
from=$(dirname "$0")
to=/opt/jupyter
site=$("$to/bin/python" -c 'import sysconfig; print(sysconfig.get_path("purelib"))')
cp -r "$from/labserver_environments" "$site/"
cp -r "$from/etc" "$from/bin" "$to/"
chmod -R a+rX "$site/labserver_environments" "$to/etc" && chmod 755 "$to/bin/labserver-environments"
"$to/bin/python" -m compileall -q "$site/labserver_environments"
# Kernels and terminals see what people installed with `pip install --user` ...
sed -i 's/^include-system-site-packages.*/include-system-site-packages = true/' "$to/pyvenv.cfg"
# ... but the server itself does not: nothing that somebody installs may keep their server from starting.
sed -i '1s|^#!/opt/jupyter/bin/python3\{0,1\}$|& -s|' "$to"/bin/jupyter*
