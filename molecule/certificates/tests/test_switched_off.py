# Copyright (c) 2026, The labserver.jupyter authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The other host is off for a while, then has timers in place of cron, and in the end the roles are taken off it.

These tests come last: nothing is left of what the other files look at.
"""

from __future__ import annotations

import json
import re
import subprocess
import typing as t

from conftest import fingerprint, name_of, play, wait_until
from long_tests import long
from test_schedule import CONFIG, status


def test_a_front_door_that_is_down_is_told_once_and_its_return_too(other: t.Any) -> None:
    rows = json.loads(other.check_output("labserver status --json"))["services"]
    assert {"service": "nginx", "level": "ok", "message": ""} in rows
    other.check_output("systemctl stop nginx")
    # Named some time ago: a room that starts its services for the first time is given a while.
    other.check_output("touch -d '1 hour ago' /etc/labserver/services.d/proxy.json")
    try:
        for _look in range(2):
            done = other.run("labserver services")
            assert done.rc == 2
            assert "nginx: the unit nginx.service is inactive" in done.stdout
        table = other.check_output("labserver status")
        assert re.search(r"^\S+ +nginx +critical +the unit nginx.service is inactive$", table, re.MULTILINE)
        assert "nginx: critical: the unit nginx.service is inactive" in other.check_output("labserver watch")
    finally:
        other.check_output("systemctl start nginx")
    assert "nginx" not in other.run("labserver services").stdout
    heard = [json.loads(line) for line in other.file("/var/log/test-posted").content_string.splitlines() if line]
    assert [item["level"] for item in heard if item["job"] == "service.nginx"] == ["critical", "ok"]


def test_a_host_that_was_off_catches_up(other: t.Any) -> None:
    """Switched off and on: cron's and systemd's jobs that were missed run, and the front door is back by itself."""
    job = {"command": ["/bin/true"], "schedule": "0 3 1 1 *", "jitter_seconds": 0}
    for name, backend in (("by-cron", "cron"), ("by-timer", "systemd")):
        arguments = {"host": "x", "backend": backend, "jobs": [{**job, "name": name}]}
        assert other.ansible("labserver.jupyter.schedule", json.dumps(arguments), check=False)["changed"]
        assert not other.ansible("labserver.jupyter.schedule", json.dumps(arguments), check=False)["changed"]
    assert "labserver-by-timer.timer" in other.check_output("systemctl list-timers --all")
    assert not other.file("/etc/cron.d/labserver-by-timer").exists
    # As if they had been there for two years; the last time was the first of January.
    stamp = "/var/lib/systemd/timers/stamp-labserver-by-timer.timer"
    other.check_output(f"touch -d '2 years ago' /etc/labserver/jobs.d/by-cron.json {stamp}")
    served = {name: fingerprint(other, *name) for name in (("app.lab.test", 443), ("cocalc.lab.test", 8443))}
    before = status(other, "renew").get("started", "")
    subprocess.run(["docker", "restart", "--time", "60", name_of(other)], check=True, capture_output=True)
    assert wait_until(lambda: other.run("systemctl is-system-running").stdout.strip() in ("running", "degraded"), 60)
    assert wait_until(lambda: status(other, "by-timer").get("level") == "ok", 30)
    assert wait_until(lambda: status(other, "renew").get("started", "") > before, 90)
    assert (status(other, "renew")["trigger"], status(other, "renew")["level"]) == ("boot", "ok")
    assert {name: fingerprint(other, *name) for name in served} == served
    # The watch waits up to a minute, so that the servers of a lab do not all start at once.
    assert wait_until(lambda: status(other, "by-cron").get("trigger") == "catch-up", 90)
    for name in ("by-cron", "by-timer"):
        arguments = {"host": "x", "jobs": [{"name": name, "state": "absent"}]}
        assert other.ansible("labserver.jupyter.schedule", json.dumps(arguments), check=False)["changed"]
    assert "by-timer" not in other.check_output("systemctl list-timers --all")


def test_systemd_timers_take_the_place_of_cron(other: t.Any) -> None:
    arguments = ["molecule/certificates/converge.yml", "--limit", name_of(other), "-e", "schedule_backend=systemd"]
    done, said = play(*arguments)
    assert done == 0, said
    assert other.check_output("find /etc/cron.d -name 'labserver-*'") == ""
    timers = other.check_output("systemctl list-timers --all --no-legend")
    for job in ("renew", "watch", "tick", "broken"):
        assert f"labserver-{job}.timer" in timers
    calendar = other.check_output("systemctl show -p TimersCalendar -p TimersMonotonic labserver-renew.timer")
    first, second = map(int, re.search(r"OnCalendar=\*-\*-\* (\d+),(\d+):\d+:00", calendar).groups())
    assert second == first + 12
    assert "OnBootUSec=1min" in calendar


@long("soak-long")
def test_taken_off_nothing_is_left_but_certificates(other: t.Any) -> None:
    states = json.dumps({f"{role}_state": "absent" for role in ("schedule", "proxy", "certificates")})
    arguments = ["molecule/certificates/converge.yml", "--limit", name_of(other), "-e", states]
    for changed in (True, False):
        done, said = play(*arguments)
        assert done == 0, said
        assert ("changed=0" in said) is not changed
    assert other.check_output("find /etc/cron.d /etc/labserver/jobs.d -name '*labserver-*' -o -name '*.json'") == ""
    assert "labserver" not in other.check_output("systemctl list-timers --all")
    # certbot's own timer, which was masked, renews again; the status has nothing left to look after.
    assert other.check_output("systemctl is-active certbot.timer") == "active"
    assert json.loads(other.check_output("labserver status --json"))["services"] == []
    assert "labserver" not in other.file("/etc/nginx/nginx.conf").content_string
    report = json.loads(other.check_output("labserver status --json"))
    assert (report["jobs"], report["certificates"]) == ([], [])
    for path in ("/etc/nginx/conf.d/labserver.conf", CONFIG, "/var/lib/labserver/certificates.json"):
        assert not other.file(path).exists, path
    assert other.file("/etc/labserver/tls/app/cert.pem").exists
    assert not other.socket("tcp://0.0.0.0:443").is_listening
