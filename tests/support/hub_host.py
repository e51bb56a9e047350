# Copyright (c) 2026, The labserver.jupyter authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A host with a hub: where the hub answers, and the one-time passwords that the host knows.

``run`` is what runs a shell command as root on the host and returns what it prints.
"""

from __future__ import annotations

import csv
import io
import typing as t
from collections.abc import Callable

from hub_client import HubClient

Run = Callable[[str], str]
PORT = 8000


def base_url(run: Run) -> str:
    """Return the hub's address, on the host's own interface and not on one of its bridges."""
    route = run("ip -4 route get 192.0.2.1")
    return f"http://{route.split(' src ')[1].split()[0]}:{PORT}"


def one_time_passwords(run: Run) -> dict[str, str]:
    """Return the one-time passwords that were not used yet: name -> password."""
    text = run("cat /var/lib/labserver/one-time-passwords.csv")
    return {row["name"]: row["password"] for row in csv.DictReader(io.StringIO(text))}


def logged_in(run: Run, base: str, name: str, own: str) -> HubClient:
    """Return a person who is logged in with the password ``own``, chosen now if a one-time password is left."""
    client = HubClient(base, name)
    if client.login(own).status_code != 302:
        password = one_time_passwords(run).get(name)
        assert password, f"{name} cannot log in"
        assert client.login(password).status_code == 302
        assert client.change_password(password, own) == ""
    return client


class HubHost:
    """A host with a hub as testinfra reaches it."""

    own = "A password of my own"

    def __init__(self, host: t.Any):
        self.host = host
        self.base = base_url(self.sh)

    def sh(self, command: str) -> str:
        """Run a shell command as root on the host; returns what it prints, fails when it does."""
        done = self.host.run("sh -c %s", command)
        assert done.rc == 0, f"{command}\n{done.stdout}{done.stderr}"
        return str(done.stdout)

    def person(self, name: str) -> HubClient:
        """Return a person who is logged in with a password of their own."""
        return logged_in(self.sh, self.base, name, self.own)
