# Copyright (c) 2026, The labserver.jupyter authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The two hosts of the scenario, and runs of playbooks against them."""

from __future__ import annotations

import re
import time
import typing as t

import pytest
from paths import ROOT
from role_run import run_ansible

SECRETS = ("s3cret-dns", "s3cret-job", "s3cret-webhook", "s3cret-header", "s3cret-smtp")


def name_of(host: t.Any) -> str:
    return str(host.ansible.get_variables()["inventory_hostname"])


@pytest.fixture
def server(host: t.Any) -> t.Any:
    if name_of(host).startswith("labserver-certificates-other"):
        pytest.skip("for the server")
    return host


@pytest.fixture
def other(host: t.Any) -> t.Any:
    if not name_of(host).startswith("labserver-certificates-other"):
        pytest.skip("for the other host")
    return host


def play(playbook: str, *arguments: str) -> tuple[int, str]:
    """Run a playbook of the collection on the scenario's hosts; exit status and all that it printed."""
    # With the settings of the checkout, as an administrator's run has them, and not with those of molecule.
    return run_ansible("ansible-playbook", [playbook, *arguments], ANSIBLE_CONFIG=str(ROOT / "ansible.cfg"))


def fingerprint(host: t.Any, name: str, port: int) -> str:
    """What is served, asked by openssl."""
    text = host.check_output(
        f"openssl s_client -connect {name}:{port} -servername {name} </dev/null 2>/dev/null"
        " | openssl x509 -noout -fingerprint -sha256"
    )
    return str(text.partition("=")[2])


def cron_command(host: t.Any, job: str) -> str:
    """The command of the job's line in cron's own folder."""
    lines = host.file(f"/etc/cron.d/labserver-{job}").content_string.splitlines()
    return next(line.split(None, 6)[6] for line in lines if re.match(r"[0-9*]", line))


def as_cron(host: t.Any, command: str) -> t.Any:
    """Run it as cron does: no terminal, nothing in the environment but these."""
    empty = "env -i HOME=/root LOGNAME=root SHELL=/bin/sh PATH=/usr/bin:/bin"
    return host.run(f"cd / && {empty} setsid -w /bin/sh -c '{command}' </dev/null >/run/cron-said 2>&1")


def wait_until(what: t.Callable[[], bool], seconds: float) -> bool:
    end = time.monotonic() + seconds
    while not what():
        if time.monotonic() > end:
            return False
        time.sleep(1)
    return True
