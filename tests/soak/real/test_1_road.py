# Copyright (c) 2026, The labserver.jupyter authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""From a bare host to a lab server as the README says, with a power cut in the middle."""

from __future__ import annotations

import socket
import ssl

import own_lab
from machines import guest
from machines.places import CONTROL
from own_lab import FOLDER, as_who_is_asked, out, play, start_play, until


def test_the_host_is_told_apart_before_it_is_touched() -> None:
    play("look", "playbooks/validate.yml", "-e", "hosts_too=true")
    log = (FOLDER / "look.log").read_text()
    assert "Debian GNU/Linux 13" in log and "cgroup v2" in log, log[-3000:]
    assert guest.run("ls /etc/labserver", check=False).returncode != 0


def test_check_mode_on_the_bare_host_changes_nothing() -> None:
    """By somebody whom sudo asks for a password. The engine is there, as it often is, and knows nothing of a hub."""
    assert play("check", "playbooks/site.yml", "--check", "--diff", *as_who_is_asked())["changed"] > 10
    assert guest.run("ls /etc/labserver", check=False).returncode != 0
    assert out("docker ps --quiet --all") == ""


def test_a_power_cut_in_the_middle_is_finished_by_the_next_run() -> None:
    run = start_play("cut", "playbooks/site.yml")
    until("the registry runs", lambda: "labserver-registry" in out("docker ps") or run.poll() is not None, 1800)
    assert run.poll() is None, (FOLDER / "cut.log").read_text()[-3000:]
    guest.stop()
    assert run.wait(900) != 0
    guest.start()
    guest.wait_until_booted()
    assert play("site", "playbooks/site.yml", *as_who_is_asked())["failed"] == 0
    assert out("getent passwd jupyter-alice").split(":")[4].startswith("Alice of the Vault"), "what the vault says"


def test_a_second_run_changes_nothing() -> None:
    assert play("again", "playbooks/site.yml")["changed"] == 0


def test_check_mode_tells_of_an_update_whose_images_are_not_there_yet(site: None) -> None:
    assert play("update", "playbooks/site.yml", "--check", "-e", "hub_image=labserver/hub:next")["changed"] > 0
    assert "labserver/hub:next" not in out("docker inspect --format '{{.Config.Image}}' labserver-hub")


def test_the_certificate_is_served_and_stands_the_test(site: None) -> None:
    authority = out("cat /etc/labserver/tls/server/ca.pem")
    context = ssl.create_default_context(cadata=authority)
    own_lab.person("alice")  # checks it too
    with (
        socket.create_connection((CONTROL[2], 443), 20) as plain,
        context.wrap_socket(plain, server_hostname="atlas.lab.example.test") as door,
    ):
        names = dict(door.getpeercert() or {}).get("subjectAltName", ())
    assert ("DNS", "atlas.lab.example.test") in names
