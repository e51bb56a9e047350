# Copyright (c) 2026, The labserver.jupyter authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Updates of a real host: what unattended-upgrades itself reads, and the job up to the order to restart.

``shutdown`` is a stand-in that writes down how it was called: the hosts are containers, and other tests go on.
"""

from __future__ import annotations

import json
import typing as t
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from role_run import run_role

POLICY = {"reboot": {"weekday": "sunday", "time": "04:00"}}
CALLED = "/run/shutdown-was-called"
STATE, SETTINGS = "/var/lib/labserver/updates.json", "/etc/labserver/updates.json"
ANNOUNCED = "/etc/labserver/public/reboot.json"
WINDOW = "labserver updates-window --grace-minutes 0"


def write(host: t.Any, path: str, text: str) -> None:
    """Write a file of a host."""
    host.check_output(f"cat > {path} <<'END'\n{text}\nEND")


@pytest.fixture(scope="module", autouse=True)
def converged(tmp_path_factory: pytest.TempPathFactory) -> Iterator[None]:
    """The role with a window, and afterwards without."""
    folder = tmp_path_factory.mktemp("updates")
    status, said = run_role(folder, "updates", "distribution", labserver_updates=POLICY)
    assert status == 0, said
    yield
    status, said = run_role(folder, "updates", "distribution", labserver_updates={})
    assert status == 0, said


@pytest.fixture(autouse=True)
def distribution(host: t.Any) -> None:
    """The Debian 12 host with the distribution's engine: one host is enough for what is the same on all."""
    if "distribution" not in host.ansible.get_variables()["group_names"]:
        pytest.skip("for the host with hand-made settings")


@pytest.fixture
def stand_in(host: t.Any) -> Iterator[None]:
    """Put another shutdown before the real one, and take everything back afterwards."""
    write(host, "/usr/local/sbin/shutdown", f'#!/bin/sh\necho "$*" >> {CALLED}\n')
    host.check_output("chmod 755 /usr/local/sbin/shutdown")
    host.check_output(f"cp {SETTINGS} /run/updates-settings && mkdir -p /etc/labserver/public")
    yield
    host.check_output(f"cp /run/updates-settings {SETTINGS}")
    host.check_output(f"rm -f /usr/local/sbin/shutdown {CALLED} /run/reboot-required* {STATE} {ANNOUNCED}")


def test_unattended_upgrades_reads_our_origins_and_what_is_left_out(host: t.Any) -> None:
    done = host.run("unattended-upgrade --dry-run --debug")
    said = done.stdout + done.stderr
    (allowed,) = {line for line in said.splitlines() if line.startswith("Allowed origins are:")}
    assert "-security,label=Debian-Security" in allowed
    assert "label=Debian'" not in allowed.replace("label=Debian-Security", ""), "point releases are not of security"
    (left_out,) = {line for line in said.splitlines() if line.startswith("Initial blacklist:")}
    for pattern in ("docker[.]io$", "docker-ce", "containerd", "runc$", "nvidia-"):
        assert pattern in left_out


def test_systemd_starts_it_every_day_and_nothing_restarts_by_itself(host: t.Any) -> None:
    for timer in ("apt-daily.timer", "apt-daily-upgrade.timer"):
        assert host.check_output(f"systemctl is-enabled {timer}") == "enabled"
        assert host.check_output(f"systemctl is-active {timer}") == "active"
    value = host.check_output("apt-config shell WORD Unattended-Upgrade::Automatic-Reboot")
    assert value == "WORD='false'"


def test_the_second_run_changes_nothing_and_check_mode_tells_what_would_go(tmp_path: Path) -> None:
    status, said = run_role(tmp_path, "updates", "distribution", labserver_updates=POLICY)
    assert status == 0 and "changed=0" in said and "changed=1" not in said, said
    status, said = run_role(tmp_path, "updates", "distribution", ["--check", "--diff"], labserver_updates={})
    assert status == 0 and "-Unattended-Upgrade::Package-Blacklist {" in said, said


def test_cron_has_the_job(host: t.Any) -> None:
    lines = host.file("/etc/cron.d/labserver-updates").content_string.splitlines()
    assert [line for line in lines if line.startswith("*/10 * * * * root ")]
    assert [line for line in lines if line.startswith("@reboot root ")]


@pytest.mark.usefixtures("stand_in")
def test_people_are_told_and_the_host_is_restarted_in_the_window_alone(host: t.Any) -> None:
    assert host.run(WINDOW).rc == 0
    assert not host.file(ANNOUNCED).exists, "nothing waits"
    host.check_output("touch /run/reboot-required && echo libc6 > /run/reboot-required.pkgs")
    assert "restart announced for" in host.check_output(WINDOW)
    (*_warning, red) = json.loads(host.file(ANNOUNCED).content_string)["announcements"]
    assert red["severity"] == "danger" and red["values"]["begins"].endswith("04:00")
    assert not host.file(CALLED).exists

    # The window begins now, and people were told of it two days ago.
    now = datetime.fromisoformat(host.check_output("date -u +%Y-%m-%dT%H:%M:00+00:00")).astimezone(UTC)
    settings = json.loads(host.file(SETTINGS).content_string)
    settings["reboot"].update(weekday="daily", time=host.check_output(f"date -d @{now.timestamp():.0f} +%H:%M"))
    state = json.loads(host.file(STATE).content_string)
    begins, ends = now, now + timedelta(hours=2)
    state |= {"begins": f"{begins:%FT%TZ}", "ends": f"{ends:%FT%TZ}", "since": f"{now - timedelta(days=2):%FT%TZ}"}
    write(host, SETTINGS, json.dumps(settings))
    write(host, STATE, json.dumps(state))
    assert "restarts: libc6" in host.check_output(WINDOW)
    assert host.file(CALLED).content_string.startswith("-r now This server is restarted for updates (libc6).")
    host.check_output(WINDOW)
    assert len(host.file(CALLED).content_string.splitlines()) == 1, "once"

    # The start after it: another boot, and /run is empty. Only the memory is changed here.
    state = json.loads(host.file(STATE).content_string)
    state["ordered"]["boot"] = "another"
    host.check_output("rm /run/reboot-required*")
    write(host, STATE, json.dumps(state))
    assert "for libc6" in host.check_output(WINDOW)
    assert not host.file(ANNOUNCED).exists
    assert json.loads(host.check_output("labserver updates --json"))["last_restart"]["why"] == "libc6"


def test_the_host_says_what_waits(host: t.Any) -> None:
    document = json.loads(host.check_output("labserver updates --json"))
    assert document["next_window"]["begins"] and document["others"] == []
    assert host.check_output("labserver updates").splitlines()[-1].startswith("now: ")
