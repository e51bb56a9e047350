# Copyright (c) 2026, The labserver.jupyter authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""People's servers do not reach each other, whatever happens to the engine and the firewall."""

from __future__ import annotations

import pytest
from own_lab import out, reaches, until, with_server

pytestmark = pytest.mark.usefixtures("site")


def test_servers_are_kept_apart() -> None:
    with_server("alice")
    bob = with_server("bob")
    assert not reaches(bob, "alice")


def test_they_are_apart_after_a_restart_of_the_engine_which_keeps_them() -> None:
    before = out("docker inspect --format '{{.State.StartedAt}}' jupyter-alice jupyter-bob")
    out("systemctl restart docker", 300)
    until("the engine answers", lambda: out("docker ps --quiet"))
    assert out("docker inspect --format '{{.State.StartedAt}}' jupyter-alice jupyter-bob") == before
    assert not reaches(with_server("bob"), "alice")


def test_a_firewall_that_was_flushed_is_closed_again() -> None:
    """This kernel has the old tables; that a reload of nftables is survived is shown by the scenario hub."""
    out("iptables -F && iptables -X && iptables -P FORWARD ACCEPT")
    until("the rules are back", lambda: "LABSERVER-HUB" in out("iptables -S DOCKER-USER"), 120)
    assert not reaches(with_server("bob"), "alice")
    out("systemctl restart docker", 300)
    until("the engine answers", lambda: out("docker ps --quiet"))
