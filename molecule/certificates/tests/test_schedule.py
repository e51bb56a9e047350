# Copyright (c) 2026, The labserver.jupyter authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What the hosts do regularly: real cron and real timers, who hears of failures, and a host that was off.

The last tests switch the other host off and on, and take the roles off it.
"""

from __future__ import annotations

import json
import os
import subprocess
import typing as t

import pytest
from conftest import SECRETS, fingerprint, name_of, play, wait_until

STATUS = "/var/lib/labserver/jobs"
CONFIG = "/etc/labserver/certificates.json"


def status(host: t.Any, job: str) -> dict[str, t.Any]:
    file = host.file(f"{STATUS}/{job}.json")
    return dict(json.loads(file.content_string)) if file.exists else {}


def test_the_real_cron_runs_a_job_every_minute(host: t.Any) -> None:
    assert wait_until(lambda: bool(status(host, "tick")), 80)
    assert status(host, "tick")["trigger"] == "schedule"


def test_a_failing_job_is_told_once_by_mail_webhook_and_command(host: t.Any) -> None:
    assert wait_until(lambda: status(host, "broken").get("failures", 0) > 1, 140)
    assert status(host, "broken")["level"] == "critical"  # 2, so it had its variable
    heard = {name: host.file(f"/var/log/test-{name}").content_string for name in ("told", "posted", "mail")}
    for name in ("told", "posted"):
        assert heard[name].count('"job": "broken"') == heard[name].count('"level": "critical"') == 1
    short = host.check_output("hostname")
    assert heard["mail"].count(f"Subject: [labserver] {short}: broken critical") == 1
    assert "Fails always: exit status 2" in heard["mail"]
    assert [way["failed"] for way in status(host, "broken")["told"].values()] == ["", "", ""]


def test_renewal_is_due_twice_a_day_and_after_a_start(host: t.Any) -> None:
    lines = [line.split() for line in host.file("/etc/cron.d/labserver-renew").content_string.splitlines()]
    clock, boot = [words for words in lines if "root" in words]
    first, second = map(int, clock[1].split(","))
    assert second == first + 12
    assert 0 <= int(clock[0]) < 60
    assert boot[0] == "@reboot"


def test_there_is_one_schedule(host: t.Any) -> None:
    assert host.run("systemctl is-enabled certbot.timer").stdout.strip() == "masked"
    assert host.run("systemctl is-active certbot.timer").stdout.strip() == "inactive"
    # Debian's cron entry stands back wherever systemd runs.
    assert "-d /run/systemd/system" in host.file("/etc/cron.d/certbot").content_string
    assert host.file("/etc/cron.d/labserver-renew").mode == 0o644


def test_one_table_for_all_servers_and_nothing_secret_in_it() -> None:
    done, said = play("playbooks/status.yml")
    assert done == 0, said
    rows = [line.strip(" -\"',").split() for line in said.splitlines()]
    certificates = {
        row[1]: row for row in rows if len(row) > 5 and row[1] in ("server", "public", "wild", "cocalc", "app")
    }
    assert set(certificates) == {"server", "public", "wild", "cocalc", "app"}
    for name, row in certificates.items():
        assert row[0].startswith("labserver-certificates"), row
        source, days, served, _renewed, level = row[-5:]
        assert source == ("internal_ca" if name in ("server", "cocalc") else "acme")
        assert 80 < int(days) <= 90
        assert served == ("unknown" if name == "wild" else "yes")  # nobody serves the wildcard
        assert level == "ok"
    jobs = [row for row in rows if len(row) > 4 and row[1] in ("renew", "broken", "watch", "tick")]
    assert len({row[0] for row in jobs}) == 2
    assert {row[2] for row in jobs if row[1] == "broken"} == {"critical"}
    assert not any(secret in said for secret in SECRETS)


def test_renewal_and_jobs_by_playbook(host: t.Any) -> None:
    if host.check_output("hostname") != "other":
        pytest.skip("one host is enough")
    done, said = play("playbooks/renew.yml")
    assert done == 0, said
    assert said.count("changed=0") == 2
    limited = ["--limit", name_of(host)]
    done, said = play("playbooks/run.yml", *limited, "-e", "job=renew")
    assert done == 0, said
    assert "2 certificates are well" in status(host, "renew")["message"]
    assert status(host, "renew")["trigger"] == "manual"
    assert play("playbooks/run.yml", *limited, "-e", "job=broken")[0] == 2


def test_a_critical_certificate_is_named_whether_it_fails_the_play_or_not(other: t.Any) -> None:
    limited = ["playbooks/renew.yml", "--limit", name_of(other)]
    other.run(f"cp -p {CONFIG} {CONFIG}.kept")
    try:
        other.check_output(
            f"python3 -c \"import json; p='{CONFIG}'; d=json.load(open(p)); d['certificates'].append(dict(name='gone',"
            " names=['gone.lab.test'], source='files', files=dict(key='/nowhere', certificate='/nowhere')));"
            " json.dump(d, open(p, 'w'))\""
        )
        other.run("labserver renew")  # fails once; from the second time on it is critical
        words = "gone: critical: 30 days left; only a stand-in so far; renewal failed"
        for wanted, variable in ((0, "false"), (2, "true")):
            done, said = play(*limited, "-e", f"certificates_fail_on_critical={variable}")
            assert done == wanted, said
            assert words in said
        # Without a readable configuration nothing at all was looked after: that is told and fails in any case.
        other.run(f"echo '{{' >{CONFIG}")
        done, said = play(*limited, "-e", "certificates_fail_on_critical=false")
        assert done == 2
        assert "labserver renew: Expecting property name" in said
    finally:
        other.run(f"mv {CONFIG}.kept {CONFIG}")
    assert other.run("labserver renew").rc == 0


def test_nothing_secret_is_readable_logged_or_shown(host: t.Any) -> None:
    public = "/var/lib/labserver /etc/labserver/public /var/log/labserver"
    assert host.run(f"grep -rl 'PRIVATE KEY' {public}").stdout == ""
    assert host.check_output("find -L /etc/labserver -name '*key*' -type f -perm /044") == ""
    # The jobs' own words are in logs that only root and adm read; nothing of the project repeats a secret in any log.
    assert host.run("grep -rl s3cret /var/log /var/lib/labserver /run --include='*'").stdout == ""
    assert "s3cret" not in host.check_output("journalctl --no-pager -o cat")
    holders = host.check_output("grep -rl s3cret /etc").split()
    allowed = {f"/etc/labserver/{name}" for name in ("alerts.json", "certificates.json", "jobs.d/broken.json")}
    # (hook.py is the test's own.)
    assert "/etc/labserver/alerts.json" in holders
    assert set(holders) <= {*allowed, "/etc/pebble/hook.py"}
    assert all(host.file(path).mode == 0o600 for path in set(holders) & allowed)


def test_no_secret_is_shown_by_a_diff(host: t.Any) -> None:
    secret = {"environment": {"TOKEN": "s3cret-new"}}
    job = {"name": "broken", "command": ["/bin/true"], **secret}
    alerts = {"version": 1, "webhook": {"url": "http://127.0.0.1/s3cret-new"}}
    jobs = {"host": "x", "jobs": [job], "alerts": alerts}
    files = {"key_content": "s3cret-new", "certificate_content": "x"}
    acme = {"name": "a", "names": ["a.test"], "source": "acme", "acme": secret}
    certificates = {"certificates": [acme, {"name": "b", "names": ["b.test"], "source": "files", "files": files}]}
    for module, arguments in (("lab_jobs", jobs), ("lab_certificates", certificates)):
        command = ["ansible", "-i", os.environ["MOLECULE_INVENTORY_FILE"], name_of(host), "--check", "--diff"]
        command += ["-m", f"labserver.jupyter.{module}", "-a", json.dumps(arguments)]
        quiet = {**os.environ, "ANSIBLE_NO_TARGET_SYSLOG": "true"}  # as no_log does in the roles
        said = subprocess.run(command, capture_output=True, text=True, check=True, env=quiet).stdout
        assert "CHANGED" in said
        assert "(hidden)" in said
        assert "s3cret" not in said


def test_a_host_that_was_off_catches_up(other: t.Any) -> None:
    """Switched off and on: cron's and systemd's jobs that were missed run, and the front door is back by itself."""
    job = {"command": ["/bin/true"], "schedule": "0 3 1 1 *", "jitter_seconds": 0}
    for name, backend in (("by-cron", "cron"), ("by-timer", "systemd")):
        arguments = {"host": "x", "backend": backend, "jobs": [{**job, "name": name}]}
        assert other.ansible("labserver.jupyter.lab_jobs", json.dumps(arguments), check=False)["changed"]
        assert not other.ansible("labserver.jupyter.lab_jobs", json.dumps(arguments), check=False)["changed"]
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
        assert other.ansible("labserver.jupyter.lab_jobs", json.dumps(arguments), check=False)["changed"]
    assert "by-timer" not in other.check_output("systemctl list-timers --all")


def test_taken_off_nothing_is_left_but_certificates(other: t.Any) -> None:
    states = json.dumps({f"{role}_state": "absent" for role in ("schedule", "proxy", "certificates")})
    arguments = ["molecule/certificates/converge.yml", "--limit", name_of(other), "-e", states]
    for changed in (True, False):
        done, said = play(*arguments)
        assert done == 0, said
        assert ("changed=0" in said) is not changed
    assert other.check_output("find /etc/cron.d /etc/labserver/jobs.d -name '*labserver-*' -o -name '*.json'") == ""
    assert other.check_output("labserver status --json") == '{"version": 1, "jobs": [], "certificates": []}'
    for path in ("/etc/nginx/conf.d/labserver.conf", CONFIG, "/var/lib/labserver/certificates.json"):
        assert not other.file(path).exists, path
    assert other.file("/etc/labserver/tls/app/cert.pem").exists
    assert not other.socket("tcp://0.0.0.0:443").is_listening
