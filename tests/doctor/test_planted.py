# Copyright (c) 2026, The labserver.jupyter authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The doctor on real hosts with systemd: before faults are planted it says nothing of them, afterwards it names all."""

from __future__ import annotations

import base64
import io
import json
import os
import subprocess
import zipfile
from collections.abc import Iterator

import pytest
from paths import ROOT

CORES = ROOT / "plugins" / "module_utils"
# A disk that is nearly full, an old image of the host: of the machine that the test runs on.
OF_THE_MACHINE = {"disk-full", "disk-full-soon", "updates-not-looked-for"}


def packed() -> str:
    """Return a program for the host's Python that leaves nothing on the host: the doctor in memory."""
    content = io.BytesIO()
    with zipfile.ZipFile(content, "w") as archive:
        archive.writestr("cores/__init__.py", "")
        for room in ("_doctor", "_common"):
            for path in (CORES / room).glob("*.py"):
                archive.writestr(f"cores/{room}/{path.name}", path.read_text())
    return (
        "import base64, os, sys\nfd = os.memfd_create('doctor')\n"
        f"os.write(fd, base64.b64decode('{base64.b64encode(content.getvalue()).decode()}'))\n"
        "sys.path.insert(0, f'/proc/self/fd/{fd}')\nfrom cores._doctor.cli import main\nsys.exit(main(['--json']))\n"
    )


class Host:
    """A disposable Debian host in a container."""

    def __init__(self, name: str, suite: str) -> None:
        self.name = f"labserver-doctor-{name}-{os.getpid()}"
        self.image = subprocess.run(
            [ROOT / "tools" / "host-image.sh", suite], check=True, capture_output=True, text=True
        ).stdout.strip()

    def __enter__(self) -> Host:
        capabilities = [f"--cap-add={name}" for name in ("SYS_ADMIN", "NET_ADMIN", "SYS_PTRACE")]
        options = ["--cgroupns=host", "--security-opt=seccomp=unconfined", "--tmpfs=/run", "-v/var/lib/docker"]
        options += ["-v/sys/fs/cgroup:/sys/fs/cgroup:rw", "--stop-signal=SIGRTMIN+3"]
        subprocess.run(
            ["docker", "run", "-d", "--name", self.name, *capabilities, *options, self.image],
            check=True,
            capture_output=True,
        )
        self.run("""
for i in $(seq 60); do
  systemctl is-system-running 2>/dev/null | grep -qE 'running|degraded' && break
  sleep 0.5
done
""")
        return self

    def __exit__(self, *_error: object) -> None:
        subprocess.run(["docker", "rm", "-fv", self.name], check=False, capture_output=True)

    def run(self, script: str) -> str:
        done = subprocess.run(
            ["docker", "exec", "-i", self.name, "sh", "-e"], input=script, capture_output=True, text=True, check=False
        )
        assert done.returncode == 0, f"{script}\n{done.stdout}{done.stderr}"
        return done.stdout

    def doctor(self) -> dict[str, list[str]]:
        """Return hazard -> subjects, without what the machine of the test has itself."""
        done = subprocess.run(
            ["docker", "exec", "-i", self.name, "python3", "-"],
            input=packed(),
            capture_output=True,
            text=True,
            check=False,
        )
        assert done.returncode in (0, 1, 2), done.stdout + done.stderr
        data = json.loads(done.stdout)
        assert data["unread"] == []
        assert data["seconds"] < 10
        found: dict[str, list[str]] = {}
        for item in data["findings"]:
            if item["hazard"] not in OF_THE_MACHINE:
                found.setdefault(item["hazard"], []).append(f"{item['subject']}: {item['text']}")
        return found


HUB = """
import http.server
class Hub(http.server.BaseHTTPRequestHandler):
    def do_GET(self):
        self.send_response(200)
        self.send_header('X-JupyterHub-Version', '%s')
        self.end_headers()
http.server.HTTPServer(('%s', %d), Hub).serve_forever()
"""


@pytest.fixture(scope="module")
def tljh() -> Iterator[Host]:
    """A host as TLJH leaves it (tljh/installer.py, tljh/user.py), healthy."""
    with Host("tljh", "trixie") as host:
        host.run(f"""
mkdir -p /opt/tljh/config/jupyterhub_config.d /opt/tljh/state /opt/tljh/hub/lib/python3.12/lib-dynload /mnt/backup
chmod 700 /opt/tljh/state
: > /opt/tljh/hub/lib/python3.12/lib-dynload/_gdbm.cpython-312-x86_64-linux-gnu.so
printf 'users:\n  admin:\n  - boss\nlimits:\n  memory: 2G\nhttps:\n  enabled: true\n' > /opt/tljh/config/config.yaml
groupadd jupyterhub-users
for name in boss mira; do useradd -m -G jupyterhub-users jupyter-$name; chmod o-rwx /home/jupyter-$name; done
hash='$2b$12$0123456789012345678901234567890123456789012345678901a'
{{ printf '\\316\\232\\127\\023'; printf 'boss%smira%s' "$hash" "$hash"; }} > /opt/tljh/state/passwords.dbm
mount -t tmpfs none /mnt/backup; head -c 50000 /dev/urandom > /mnt/backup/homes.tar.gz
printf '0 3 * * * root tar -czf /mnt/backup/homes.tar.gz /home\n' > /etc/cron.d/backup
cat > /root/hub.py <<'END'
{HUB % ("5.2.1", "127.0.0.1", 8000)}
END
systemd-run --unit=jupyterhub python3 /root/hub.py
""")
        yield host


@pytest.fixture(scope="module")
def compose() -> Iterator[Host]:
    """A host with Docker and a hub as a Compose project has it, healthy; its image is one static program."""
    with Host("compose", "trixie") as host:
        host.run("""
apt-get update -qq >/dev/null
DEBIAN_FRONTEND=noninteractive apt-get install -y -qq --no-install-recommends \\
  docker.io docker-cli iptables busybox-static >/dev/null
mkdir -p /etc/docker /srv/hub/config /srv/hub/data /srv/hub/registry /mnt/backup
printf '{"live-restore": true, "log-driver": "json-file", "log-opts": {"max-size": "10m"}}' > /etc/docker/daemon.json
systemctl restart docker
mkdir /root/image; cp /bin/busybox /root/image/; mkdir -p /root/image/v2 /root/image/etc /root/image/srv/jupyterhub
echo '{}' > /root/image/v2/index.html
for name in lab/jupyterhub:1 lab/registry:2 lab/postgres:1 lab/notebook:1; do tar -C /root/image -c . | docker \\
  import - $name >/dev/null; done
groupadd jupyterhub-users; useradd -m -G jupyterhub-users jupyter-mira; chmod o-rwx /home/jupyter-mira
cat > /srv/hub/config/jupyterhub_config.py <<'END'
c.JupyterHub.authenticator_class = 'generic-oauth'
c.Authenticator.allowed_users = {'mira'}
c.DockerSpawner.mem_limit = '1G'  # and jupyterhub-idle-culler
c.JupyterHub.services = [{'name': 'cull'}]
END
project='--label com.docker.compose.project=hub --label com.docker.compose.project.working_dir=/srv/hub'
docker run -d --name hub-jupyterhub-1 $project --restart always -v /srv/hub/config:/srv/jupyterhub:ro -v \\
  /srv/hub/data:/data lab/jupyterhub:1 /busybox sleep 9999
docker run -d --name hub-registry-1 $project --restart always -p 127.0.0.1:5000:5000 lab/registry:2 /busybox \\
  httpd -f -p 5000 -h /
docker run -d --name jupyter-mira -u 1001 -m 64m --memory-swap 64m --pids-limit 100 -e JUPYTERHUB_USER=mira -v \\
  /home/jupyter-mira:/home/mira lab/notebook:1 /busybox sleep 9999
mount -t tmpfs none /mnt/backup; mkdir -p /mnt/backup/repo/snapshots; echo 1 > /mnt/backup/repo/snapshots/aa
printf '0 3 * * * root restic -r /mnt/backup/repo backup /home\n' > /etc/cron.d/backup
""")
        yield host


@pytest.fixture(params=["tljh", "compose"])
def host(request: pytest.FixtureRequest) -> Host:
    return request.getfixturevalue(request.param)


def test_a_healthy_host_has_none(host: Host) -> None:
    found = host.doctor()
    found.pop("image-here-only", None)  # a note: nothing of this machine is in a registry
    assert found == {}


def test_faults_of_a_tljh_host_are_found(tljh: Host) -> None:
    """What an administrator of TLJH meets, each planted by hand."""
    tljh.run(f"""
useradd -m -G jupyterhub-users jupyter-ola                                   # no password set, home open
chmod 755 /home/jupyter-ola
useradd -m -G jupyterhub-users,sudo jupyter-rita; chmod o-rwx /home/jupyter-rita
mkdir /home/jupyter-gone; chown 4711 /home/jupyter-gone
useradd -o -u 4712 twin1; useradd -o -u 4712 twin2
useradd open; passwd -d open >/dev/null
cp /opt/tljh/state/passwords.dbm /opt/tljh/state/passwords.dbm.dat; : > /opt/tljh/state/passwords.dbm.dir
chmod 755 /opt/tljh/state; chmod 644 /opt/tljh/state/passwords.dbm
printf 'users:\n  admin:\n  - boss\nservices:\n  cull:\n    enabled: false\n' > /opt/tljh/config/config.yaml
chmod 666 /opt/tljh/config/config.yaml
printf '//nas/data /mnt/data cifs password=x 0 0\n' > /etc/fstab
mkdir /mnt/data; echo lost > /mnt/data/result.csv
printf '* * * * * root date +%%F' > /etc/cron.d/report.daily
printf '' | gzip > /mnt/backup/homes.tar.gz
umount /mnt/backup; gzip < /dev/null > /mnt/backup/homes.tar.gz
mkdir -p /etc/letsencrypt/renewal; : > /etc/letsencrypt/renewal/lab.conf
mkdir -p /usr/sbin /etc/ssh; : > /usr/sbin/sshd; echo 'PermitRootLogin yes' > /etc/ssh/sshd_config
touch -d '30 days ago' /run/reboot-required
systemctl stop cron
systemd-run --unit=traefik false || true
cat > /root/open.py <<'END'
{HUB % ("4.0.2", "0.0.0.0", 80)}
END
systemd-run --unit=open python3 /root/open.py
systemd-run --unit=lab python3 -c 'import time; time.sleep(999)' --ServerApp.token=
for i in $(seq 20); do python3 -c "import socket; socket.create_connection(('127.0.0.1', 80))" 2>/dev/null && \\
  break; sleep 0.5; done
""")
    found = tljh.doctor()
    planted = {
        "accounts-claimable", "home-open", "person-with-sudo", "home-of-nobody", "duplicate-uid", "empty-password",
        "password-store-backend", "secret-readable", "idle-servers-stay", "no-memory-limit", "config-writable",
        "password-in-fstab", "share-absent", "share-stops-boot", "mount-point-written", "cron-passes-over",
        "backup-holds-nothing", "backup-on-same-disk", "renewal-missing", "root-login-by-password", "reboot-due",
        "cron-not-running", "unit-failed", "plain-http", "hub-with-known-hole", "notebook-without-token",
    }  # fmt: skip
    assert planted - set(found) == set()
    assert set(found) - planted == set(), found
    assert "ola" in found["accounts-claimable"][0] and "mira" not in found["accounts-claimable"][0]


def test_faults_of_a_compose_host_are_found(compose: Host) -> None:
    """The faults of the Compose hubs that this project came from, and some more."""
    compose.run("""
cat > /srv/hub/config/jupyterhub_config.py <<'END'
c.JupyterHub.authenticator_class = 'firstuseauthenticator.FirstUseAuthenticator'
END
printf 'POSTGRES_PASSWORD=x\n' > /srv/hub/.env
docker rm -f hub-jupyterhub-1 hub-registry-1 jupyter-mira >/dev/null
project='--label com.docker.compose.project=hub --label com.docker.compose.project.working_dir=/srv/hub'
printf '{"live-restore": false, "insecure-registries": ["lab.example:5000"]}' > /etc/docker/daemon.json
systemctl restart docker
docker run -d --name hub-jupyterhub-1 $project -v /srv/hub/config:/etc/jupyterhub:ro -v \\
  /etc/passwd:/etc/passwd:ro -v /etc/group:/etc/group:ro -v /var/run/docker.sock:/var/run/docker.sock \\
  lab/jupyterhub:1 /busybox sh -c 'for f in jupyterhub.sqlite passwords.dbm jupyterhub_cookie_secret; do \\
  /busybox touch /srv/jupyterhub/$f; done; exec /busybox sleep 9999'
docker run -d --name hub-registry-1 $project --restart always -p 5000:5000 lab/registry:2 /busybox httpd -f -p \\
  5000 -h /
docker run -d --name hub-db-1 $project --restart always -v /var/lib/postgresql/data -p 5432:5432 lab/postgres:1 \\
  /busybox sleep 9999
docker run --name tinker lab/notebook:1 /busybox touch /etc/tinkered; docker commit tinker lab/tinkered:1 \\
  >/dev/null; docker rm tinker >/dev/null
docker run -d --name jupyter-mira --privileged --network host --pids-limit -1 -e JUPYTERHUB_USER=mira -v \\
  /:/host -v /var/run/docker.sock:/var/run/docker.sock lab/tinkered:1 /busybox sleep 9999
docker run -d --name jupyter-old -u 1002 -m 64m --pids-limit 100 -e JUPYTERHUB_USER=old --health-cmd \\
  '/busybox false' --health-interval 1s --health-retries 1 lab/notebook:1 /busybox sleep 9999
docker import - lab/notebook:1 < /dev/null >/dev/null 2>&1 || tar -C /root/image -c v2 | docker import - \\
  lab/notebook:1 >/dev/null
useradd -m -G jupyterhub-users,docker jupyter-ola; chmod o-rwx /home/jupyter-ola
mkdir -p /etc/ufw; echo ENABLED=yes > /etc/ufw/ufw.conf
printf '0 3 * * * root restic -r /mnt/gone backup /home\n' > /etc/cron.d/backup
sleep 3
""")
    found = compose.doctor()
    planted = {
        "open-signup", "accounts-claimable", "secret-readable", "insecure-registry", "live-restore-off",
        "accounts-mount-stale", "docker-socket", "docker-socket-for-people", "database-in-layer",
        "passwords-in-layer", "cookie-secret-in-layer", "not-restarted", "registry-open", "database-open",
        "data-in-nameless-volume", "image-made-by-hand", "container-privileged", "container-host-namespace",
        "container-host-folder", "person-is-root", "no-memory-limit", "no-process-limit", "log-without-limit",
        "image-without-name", "container-not-well", "docker-group", "firewall-passed-by",
        "backup-holds-nothing", "idle-servers-stay", "image-here-only",
    }  # fmt: skip
    # Only where the machine of the test has swap.
    found.pop("no-swap-limit", None)
    assert planted - set(found) == set()
    assert set(found) - planted <= {"accounts-mount"}, found
