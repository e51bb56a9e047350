#!/bin/bash
# Fifty people; TLJH makes an account when a person first starts a server, so two of them have none.
set -euo pipefail
export DEBIAN_FRONTEND=noninteractive
apt-get update -q
apt-get install -qy --no-install-recommends python3-venv
mkdir -p /opt/tljh/config/jupyterhub_config.d /opt/tljh/state
chmod 700 /opt/tljh/state
python3 -m venv /opt/tljh/hub
/opt/tljh/hub/bin/pip install -q --no-index --find-links /root/wheels jupyterhub jupyterhub-firstuseauthenticator pyyaml
# The installer puts TLJH itself there, by git.
site=$(/opt/tljh/hub/bin/python3 -c 'import site; print(site.getsitepackages()[0])')
mkdir "$site/the_littlest_jupyterhub-2.0.0.dist-info"
printf 'Metadata-Version: 2.1\nName: the-littlest-jupyterhub\nVersion: 2.0.0\n' > "$site/the_littlest_jupyterhub-2.0.0.dist-info/METADATA"
mkdir -p /opt/tljh/user/lib/python3.11/site-packages/numpy-2.1.0.dist-info
cp /root/tljh-config /opt/tljh/config/config.yaml
cp /root/hub.py /opt/tljh/config/
groupadd jupyterhub-admins
groupadd jupyterhub-users
groupadd optics
account() {
  useradd --create-home --shell /bin/bash --groups jupyterhub-users "jupyter-$1"
  chmod o-rwx "/home/jupyter-$1"
  echo "of $1" > "/home/jupyter-$1/notes.txt"
  chown "jupyter-$1:" "/home/jupyter-$1/notes.txt"
}
account ada
usermod --append --groups jupyterhub-admins,optics jupyter-ada
for number in $(seq 0 46); do account "person$number"; done
usermod --append --groups optics jupyter-person1
# A home that its owner opened, as a person may.
chmod 755 /home/jupyter-person2
account gone
cp /root/jupyterhub.service /etc/systemd/system/
systemctl daemon-reload
systemctl enable --now --quiet jupyterhub.service
