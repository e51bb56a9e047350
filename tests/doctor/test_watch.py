# Copyright (c) 2026, The labserver.jupyter authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The watch over a real host: each fault is planted and told; what is put right is seen by the system's programs."""

from __future__ import annotations

import base64
import io
import json
import os
import subprocess
import zipfile
from collections.abc import Iterator
from typing import Any

import pytest
from paths import ROOT

CORES = ROOT / "plugins" / "module_utils"
JOB = {"version": 1, "name": "renew", "command": ["/usr/local/sbin/labserver", "renew"], "fields": "5 3 * * *"}
ENTRY = """\
# Written by labserver.jupyter (role schedule); changes here are lost.
PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin
MAILTO=""
5 3 * * * root /usr/local/sbin/labserver run renew --trigger schedule
"""
LOOK = """
import json, sys
from pathlib import Path
from cores._status import host
found = host.look(host.World())
print(json.dumps({one.service.name: [one.level, one.message] for one in found}))
"""


def packed() -> str:
    """Return a program for the host's Python that looks once, as the job ``services`` does."""
    content = io.BytesIO()
    with zipfile.ZipFile(content, "w") as archive:
        archive.writestr("cores/__init__.py", "")
        for path in CORES.glob("_*/*.py"):
            archive.writestr(f"cores/{path.parent.name}/{path.name}", path.read_text(encoding="utf-8"))
    return (
        "import base64, os, sys\nfd = os.memfd_create('watch')\n"
        f"os.write(fd, base64.b64decode('{base64.b64encode(content.getvalue()).decode()}'))\n"
        f"sys.path.insert(0, f'/proc/self/fd/{{fd}}')\n{LOOK}"
    )


class Host:
    """A disposable host in a container that is not told that it is one."""

    def __init__(self) -> None:
        self.name = f"labserver-watch-{os.getpid()}"

    def run(self, script: str, *, check: bool = True) -> str:
        done = subprocess.run(
            ["docker", "exec", "-i", self.name, "sh", "-e"], input=script, capture_output=True, text=True, check=False
        )
        assert not check or done.returncode == 0, f"{script}\n{done.stdout}{done.stderr}"
        return done.stdout + done.stderr

    def look(self) -> dict[str, Any]:
        done = subprocess.run(
            ["docker", "exec", "-i", self.name, "python3", "-"],
            input=packed(),
            capture_output=True,
            text=True,
            check=False,
        )
        assert done.returncode == 0, done.stdout + done.stderr
        found: dict[str, Any] = json.loads(done.stdout)
        return found


LISTEN = """
cat > /root/listen.py <<'END'
import os, socket, sys, time
held = []
for address in sys.argv[2:]:
    host, port = address.rsplit(':', 1)
    held.append(socket.create_server((host, int(port))))
os.setgid(int(sys.argv[1])); os.setuid(int(sys.argv[1]))
held.append(socket.create_server(('0.0.0.0', int(sys.argv[1]) % 10000 + 10000)))
time.sleep(600)
END
"""


@pytest.fixture(scope="module")
def host() -> Iterator[Host]:
    image = subprocess.run(
        [ROOT / "tools" / "host-image.sh", "trixie"], check=True, capture_output=True, text=True
    ).stdout.strip()
    made = Host()
    options = [
        "--cap-add=SYS_ADMIN",
        "--cap-add=SYS_PTRACE",
        "--security-opt=apparmor=unconfined",
        "--entrypoint=sleep",
    ]
    subprocess.run(
        ["docker", "run", "-d", "--name", made.name, *options, image, "900"], check=True, capture_output=True
    )
    try:
        made.run(f"""
rm -f /.dockerenv /run/systemd/container
mkdir -p /etc/labserver/jobs.d /etc/labserver/hub/secrets /srv/a /srv/b /var/lib/labserver
cat > /etc/labserver/jobs.d/renew.json <<'END'
{json.dumps(JOB)}
END
chmod 600 /etc/labserver/jobs.d/renew.json
cat > /etc/cron.d/labserver-renew <<'END'
{ENTRY}END
echo secret > /etc/labserver/hub/secrets/cookie_secret; chmod 600 /etc/labserver/hub/secrets/cookie_secret
echo '/srv/a /srv/b none bind,nosuid,nodev 0 0' > /etc/fstab
mount --bind /srv/a /srv/b; mount -o remount,bind,nosuid,nodev /srv/b
{LISTEN}
""")
        yield made
    finally:
        subprocess.run(["docker", "rm", "-fv", made.name], check=False, capture_output=True)


WATCHED = ("host-cron", "host-mounts", "host-secrets", "host-ports")


def test_nothing_is_told_of_a_host_that_is_as_it_was_set_up(host: Host) -> None:
    found = host.look()
    assert {name: found[name] for name in WATCHED if found[name][0] != "ok"} == {}


def test_an_entry_of_cron_comes_back(host: Host) -> None:
    host.run("rm /etc/cron.d/labserver-renew")
    assert host.look()["host-cron"][0] == "warning"
    host.run("grep -q '^5 3 .* root .*labserver run renew' /etc/cron.d/labserver-renew")
    host.run("chmod 666 /etc/cron.d/labserver-renew")
    assert host.look()["host-cron"][0] == "warning"
    assert host.run("stat -c '%a %U' /etc/cron.d/labserver-renew").split() == ["644", "root"]
    assert host.look()["host-cron"][0] == "ok"


def test_options_of_a_mount_are_in_force_again(host: Host) -> None:
    host.run("mount -o remount,bind,suid,dev /srv/b")
    assert "nosuid" not in host.run("findmnt -no OPTIONS /srv/b")
    level, message = host.look()["host-mounts"]
    assert level == "warning" and "/srv/b (nosuid,nodev); that is put right" in message
    assert {"nosuid", "nodev"} <= set(host.run("findmnt -no OPTIONS /srv/b").strip().split(","))
    assert host.look()["host-mounts"][0] == "ok"


def test_a_mount_that_is_gone_is_told_and_left(host: Host) -> None:
    host.run("umount /srv/b")
    level, message = host.look()["host-mounts"]
    assert level == "critical" and message.startswith("/srv/b is in /etc/fstab and not mounted")
    assert host.run("findmnt /srv/b || echo none").strip() == "none", "what was written beneath must stay in sight"
    host.run("mount --bind /srv/a /srv/b; mount -o remount,bind,nosuid,nodev /srv/b")


def test_a_secret_is_closed(host: Host) -> None:
    host.run("chmod -R o+rX /etc/labserver")
    read = "runuser -u nobody -- cat /etc/labserver/hub/secrets/cookie_secret"
    assert "secret" in host.run(read)
    level, message = host.look()["host-secrets"]
    assert level == "warning" and "/etc/labserver/hub/secrets/cookie_secret" in message
    assert "ermission denied" in host.run(read, check=False)


def test_a_port_that_nobody_named_is_told(host: Host) -> None:
    # A person's program on all addresses and one on the host alone; a daemon of the system that was not there before.
    host.run("setsid python3 /root/listen.py 20001 127.0.0.1:8877 >/dev/null 2>&1 &")
    host.run("setsid python3 /root/listen.py 112 0.0.0.0:9105 >/dev/null 2>&1 &\nsleep 1")
    shown = host.run("ss -Hltn || true")
    level, message = host.look()["host-ports"]
    for port, told in ((10001, True), (9105, True), (10112, True), (8877, False)):
        assert f":{port} " in shown
        assert (f"{port} (python3" in message) is told, message
    assert level == "warning" and "10001 (python3 of uid 20001)" in message
    host.run("""echo '{"version": 1, "ports": [10001, 9105, 10112]}' > /etc/labserver/alerts.json
chmod 600 /etc/labserver/alerts.json""")
    assert host.look()["host-ports"][0] == "ok"
