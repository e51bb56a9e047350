# Copyright (c) 2026, The labserver.jupyter authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Files from outside on a real host: the person's container, and what neither it nor the front reaches.

Attacks on that way are in tests/images/test_files_from_outside.py.
"""

from __future__ import annotations

import os
import subprocess
import typing as t
from pathlib import Path
from urllib.parse import urlsplit

BOX = "files-jupyter-mira"
FRONT = "labserver-ssh"


def ssh(lab: t.Any, command: str, *options: str) -> subprocess.CompletedProcess[str]:
    """Run OpenSSH's client as mira on the machine of the tests."""
    key = Path(os.environ["MOLECULE_EPHEMERAL_DIRECTORY"]) / "mira"
    line = ["ssh", "-F", "/dev/null", "-i", str(key), "-p", "2222", "-o", "BatchMode=yes", "-o", "IdentitiesOnly=yes",
            "-o", "StrictHostKeyChecking=no", "-o", "UserKnownHostsFile=/dev/null", "-o", "LogLevel=ERROR"]  # fmt: skip
    host = urlsplit(lab.base).hostname
    return subprocess.run(
        [*line, *options, f"mira@{host}", command],
        capture_output=True, text=True, check=False, stdin=subprocess.DEVNULL, timeout=120,
    )  # fmt: skip


def test_mira_writes_into_her_home_from_outside(lab: t.Any) -> None:
    done = ssh(lab, "echo measured > by-ssh; id -u; hostname")
    assert done.returncode == 0, done
    uid = lab.sh("id -u jupyter-mira").strip()
    assert done.stdout.split()[0] == uid and done.stdout.split()[1] != lab.sh("hostname").strip()
    assert lab.sh("stat -c '%u' /home/jupyter-mira/by-ssh").strip() == uid
    assert lab.sh("cat /home/jupyter-mira/by-ssh").strip() == "measured"
    assert lab.sh(f"docker inspect --format '{{{{.HostConfig.Memory}}}}' {BOX}").strip() == str(256 << 20)
    assert "jupyter-jonas" not in ssh(lab, "ls /home").stdout


def test_the_front_has_no_rights_and_reaches_nothing_else(lab: t.Any) -> None:
    ssh(lab, "true")
    address = "docker inspect --format '{{range .NetworkSettings.Networks}}{{.IPAddress}}{{end}}'"
    box, proxy = (lab.sh(f"{address} {one}").strip() for one in (BOX, "labserver-hub-proxy"))
    gateway = lab.sh("docker network inspect labserver-hub --format '{{(index .IPAM.Config 0).Gateway}}'").strip()

    def reached(container: str, host: str, port: int) -> bool:
        code = f"import socket; socket.create_connection(('{host}', {port}), 3)"
        return not lab.refused(f'docker exec {container} python3 -c "{code}"')

    assert reached(FRONT, box, 2222) and reached(FRONT, "labserver-hub", 8081)
    closed = [
        (box, 22),
        (proxy, 8000),
        (proxy, 8001),
        (gateway, 443),
        (gateway, 22),
        (lab.sh("hostname -i").split()[0], 22),
    ]
    assert not any(reached(FRONT, host, port) for host, port in closed)
    # Nor does a person's container reach the front, or another person's.
    front = lab.sh(f"{address} {FRONT}").strip()
    assert not reached(BOX, front, 2222) and not reached(BOX, proxy, 8000)
    status = lab.sh(f"docker exec {FRONT} cat /proc/1/status")
    assert "Uid:\t64102" in status and "CapEff:\t0000000000000000" in status
    assert lab.refused(f"docker exec {FRONT} touch /etc/x")


def test_the_way_is_among_what_has_to_run(lab: t.Any) -> None:
    told = lab.sh("labserver status --json || true")
    assert '"ssh"' in told and BOX in told
