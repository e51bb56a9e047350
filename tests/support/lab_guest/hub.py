# Copyright (c) 2026, The labserver.jupyter authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The lab's hub in the guest: its own spawner and its own guard before the guest's Docker, with the shares of the role.

Only three things are not those of a lab: what is spawned is a tiny web server, the tests talk to the hub by its REST
API, and hub and guard are processes of the guest with this machine's Python packages (an engine under user-mode Linux
takes minutes to load their image). The guard has what its container gives it: no capability, and a mount namespace that
follows the host's.
"""

from __future__ import annotations

import json
import secrets
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

from hub_package import assemble
from machines import guest
from machines.places import CACHE, CONTROL
from machines.process import INSIDE, wait_for

PROGRAMS = Path(__file__).resolve().parent / "programs"  # what runs in the guest
PACKAGE = CACHE / "hub-package"
CATALOGUE = "/var/lib/labserver/catalogue/images.json"
SETTINGS = {
    "version": 1,
    "hub_name": "127.0.0.1",
    "proxy_api_url": "http://127.0.0.1:8001",
    "memory_bytes": 128 * 1024**2,
    "start_timeout_seconds": 120,
}
# Prints status and body of one request; runs in the network namespace of the guest.
ASK = """
import json, sys, urllib.error, urllib.request
method, url, token = sys.argv[1:4]
request = urllib.request.Request(url, method=method, headers={"Authorization": f"token {token}"})
try:
    answer = urllib.request.urlopen(request, timeout=float(sys.argv[4]))
except urllib.error.HTTPError as error:
    answer = error
print(answer.status, answer.read().decode())
"""


def roster(people: dict[str, tuple[int, list[str]]], groups: dict[str, int]) -> dict[str, Any]:
    """Return a roster as the role accounts writes it: name -> uid and groups."""
    users: dict[str, dict[str, Any]] = {
        name: {
            "system_name": f"jupyter-{name}", "uid": uid, "gid": uid, "home": f"/home/jupyter-{name}",
            "groups": names, "admin": False, "state": "present", "expires": None, "limits": {},
        }
        for name, (uid, names) in people.items()
    }  # fmt: skip
    return {"version": 1, "users": users, "groups": {name: {"gid": gid} for name, gid in groups.items()}}


def show(*folders: Path) -> None:
    """Make folders of this machine appear in the guest, under the same names and read-only."""
    for folder in folders:
        mount = f"mkdir -p '{folder}' && mount -t hostfs -o 'ro,{folder}' none '{folder}'"
        guest.run(f"mountpoint -q '{folder}' || {{ {mount}; }}")


def unit(name: str, properties: list[str], command: list[str]) -> None:
    """Run a program in the guest as a unit of its own."""
    options = " ".join(f"-p '{text}'" for text in properties)
    guest.run(
        f"systemctl stop test-{name} 2>/dev/null; systemctl reset-failed test-{name} 2>/dev/null;"
        f" systemd-run --quiet --unit test-{name} {options} -- {' '.join(command)}"
    )


def offer_image(people: list[str]) -> None:
    """Put the image of the notebooks into the guest's Docker (where it is ``box``, too) and into the catalogue."""
    show(PROGRAMS)
    unit("image", [], ["python3", str(PROGRAMS / "notebook_image.py"), CATALOGUE, *people])
    wait_for(lambda: guest.run(f"test -s {CATALOGUE}", check=False).returncode == 0, 60, "the catalogue")
    reference = json.loads(guest.run(f"cat {CATALOGUE}").stdout)["images"][0]["reference"]
    guest.run(f"docker pull --quiet {reference} && docker tag {reference} box", timeout=180)


class Hub:
    """The hub of the guest."""

    def __init__(self) -> None:
        self.token = secrets.token_hex(16)

    def start(self, people: dict[str, tuple[int, list[str]]], groups: dict[str, int]) -> None:
        """Start guard and hub in the guest and wait until the hub answers."""
        assemble(PACKAGE)
        show(PACKAGE, *({Path(sys.prefix), Path(sys.base_prefix)} - {Path("/usr")}))
        public = "/etc/labserver/public"
        files = {
            f"{public}/roster.json": json.dumps(roster(people, groups)),
            "/etc/labserver/hub/hub.json": json.dumps(SETTINGS),
            "/etc/labserver/hub/secrets/proxy_token": secrets.token_hex(16),
            "/etc/labserver/hub/secrets/cookie_secret": secrets.token_hex(32),
        }
        for path, text in files.items():
            guest.run(f"mkdir -p $(dirname {path}); umask 077; cat > {path} <<'END'\n{text}\nEND\n")
        guest.run(
            "docker ps --all --quiet --filter name=jupyter- | xargs --no-run-if-empty docker rm --force >/dev/null;"
            f" chmod 644 {public}/roster.json; cp /etc/passwd /etc/group {public}/; mkdir -p /run/labserver-guard"
            " /srv/labserver/hub/state /srv/labserver/hub/links /etc/labserver/hub/config.d"
            " && docker network inspect labserver-hub >/dev/null 2>&1 || docker network create labserver-hub"
        )
        python, path = sys.executable, f"Environment=PYTHONPATH={PACKAGE}"
        confined = ["PrivateMounts=yes", "MountFlags=slave", "CapabilityBoundingSet=", "NoNewPrivileges=yes"]
        unit("guard", [*confined, path], [python, "-m", "labhub.guard"])
        settings = [path, f"Environment=TEST_TOKEN={self.token}", f"Environment=LABHUB_CONFIG_D={PROGRAMS}/config.d"]
        settings += ["WorkingDirectory=/srv/labserver/hub/state"]
        unit("hub", settings, [python, "-m", "labhub.app", "--config", str(PACKAGE / "jupyterhub_config.py")])
        wait_for(self._is_up, 180, "the hub")

    def _is_up(self) -> bool:
        """Tell whether the hub answers; raises AssertionError with what it said last when it has ended instead."""
        if self._ask("GET", "/users")[0] == 200:
            return True
        state = guest.run("systemctl is-active test-hub", check=False).stdout.strip()
        assert state != "failed", guest.run("journalctl --unit test-hub --output cat --lines 40").stdout
        return False

    def _ask(self, method: str, path: str, seconds: float = 60) -> tuple[int, Any]:
        url = f"http://{CONTROL[2]}:8081/hub/api{path}"
        command = [*INSIDE, sys.executable, "-c", ASK, method, url, self.token, str(seconds)]
        done = subprocess.run(command, capture_output=True, text=True, check=False)
        status, _blank, body = done.stdout.partition(" ")
        try:
            return int(status or 0), json.loads(body or "null")
        except ValueError:
            return int(status or 0), body

    def begin(self, name: str) -> tuple[int, Any]:
        """Ask for a person's server; returns the hub's answer, which may be "not yet"."""
        self._ask("POST", f"/users/{name}")
        return self._ask("POST", f"/users/{name}/server")

    def outcome(self, name: str, seconds: float = 150) -> str:
        """Wait until the start of a person's server has ended; returns an empty text, or what the person reads."""
        path = f"/users/{name}/server/progress"
        status, body = self._ask("GET", path, seconds)
        if status == 400:  # JupyterHub clears away a start that failed, and for that moment knows of none
            time.sleep(3)
            status, body = self._ask("GET", path, seconds)
        if status != 200:
            return f"{status} {body}"
        events = [json.loads(line[5:]) for line in str(body).splitlines() if line.startswith("data:")]
        return "" if events[-1].get("ready") else str(events[-1].get("message"))

    def spawn(self, name: str) -> str:
        """Start a person's server and wait for it; returns an empty text, or what the person reads instead."""
        status, body = self.begin(name)
        if status in (201, 202):
            return self.outcome(name) if status == 202 else ""
        return str(body.get("message") if isinstance(body, dict) else body)

    def stop(self, name: str) -> None:
        """Stop a person's server and wait until it is gone."""
        self._ask("DELETE", f"/users/{name}/server")
        wait_for(lambda: self._ask("GET", f"/users/{name}")[1].get("servers") in ({}, None), 60, f"{name}'s server")
