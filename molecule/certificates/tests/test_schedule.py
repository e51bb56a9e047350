# Copyright (c) 2026, The labserver.jupyter authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What the hosts do regularly: real cron, renewal, and who hears of failures."""

from __future__ import annotations

import json
import os
import subprocess
import typing as t

import pytest
from conftest import SECRETS, name_of, play, wait_until

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
    assert "2 certificates are valid" in status(host, "renew")["message"]
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
    for module, arguments in (("schedule", jobs), ("certificates", certificates)):
        command = ["ansible", "-i", os.environ["MOLECULE_INVENTORY_FILE"], name_of(host), "--check", "--diff"]
        command += ["-m", f"labserver.jupyter.{module}", "-a", json.dumps(arguments)]
        quiet = {**os.environ, "ANSIBLE_NO_TARGET_SYSLOG": "true"}  # as no_log does in the roles
        said = subprocess.run(command, capture_output=True, text=True, check=True, env=quiet).stdout
        assert "CHANGED" in said
        assert "(hidden)" in said
        assert "s3cret" not in said
