#!/bin/bash
# The people of TLJH move to a hub in a container: in the shape that Compose gives it, with the accounts of the host mounted
# (its project and service are labels of the container). Its programs are those of the host, so no image has to be built.
set -euo pipefail
systemctl disable --now --quiet jupyterhub.service
rm /etc/systemd/system/jupyterhub.service
systemctl daemon-reload
mkdir /srv/oldhub
mv /opt/tljh/state/passwords.dbm* /opt/tljh/state/jupyterhub.sqlite /srv/oldhub/
mv /opt/tljh /root/tljh
sed -e '/^said = /d; /^import yaml/d' -e 's/set(said\["users"\]\["admin"\])/{"ada"}/' -e 's#/opt/tljh/state#/srv/jupyterhub#' \
  -e 's/^c.Authenticator.allowed_users = /allowed = /' /root/hub.py > /srv/oldhub/jupyterhub_config.py
printf 'c.Authenticator.allowed_users = allowed\nc.DockerSpawner.mem_limit = "3G"\n' >> /srv/oldhub/jupyterhub_config.py
mkdir -p /root/image/{usr,etc,tmp,srv,opt}
for name in bin lib lib64; do ln -s "usr/$name" "/root/image/$name"; done
tar -C /root/image -c . | docker import - oldhub:1 >/dev/null
docker run --detach --name oldhub-hub-1 --restart unless-stopped --publish 8000:15001 --workdir /srv/jupyterhub \
  --label com.docker.compose.project=oldhub --label com.docker.compose.service=hub --env PATH=/opt/tljh/hub/bin:/usr/bin \
  --volume /usr:/usr:ro --volume /etc/passwd:/etc/passwd:ro --volume /root/tljh/hub:/opt/tljh/hub:ro \
  --volume /srv/oldhub:/srv/jupyterhub oldhub:1 \
  python3 -m jupyterhub.app -f /srv/jupyterhub/jupyterhub_config.py >/dev/null
