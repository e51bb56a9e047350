# Copyright (c) 2026, The labserver.jupyter authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A whole run of site.yml notes its files; the status names what a person changes, and nothing that programs write."""

from __future__ import annotations

import json
import typing as t

RECORD = "/var/lib/labserver/status/site.json"
UNIT = "/etc/systemd/system/labserver-catalogue.service"
SECRET = "/etc/labserver/hub/secrets/cookie_secret"
WRITING_JOBS = {"accounts-expire", "hub-watch", "renew", "services", "share-health", "status-page", "usage"}


def site(host: t.Any) -> dict[str, t.Any]:
    """What the status says of the last whole run."""
    found: dict[str, t.Any] = json.loads(host.check_output("labserver status --json"))["site"]
    return found


def test_the_whole_run_is_noted_and_jobs_change_none_of_its_files(host: t.Any) -> None:
    jobs = set(host.check_output("labserver completion jobs").split()) & WRITING_JOBS
    assert {"services", "status-page", "renew"} <= jobs
    for job in sorted(jobs):
        host.run(f"labserver run {job}")
    found = site(host)
    assert found["run"] and found["version"] == host.check_output("labserver --version").split()[1]
    assert found["drift"] == []
    assert host.check_output(f"stat -c '%a %U' {RECORD}") == "600 root"


def test_every_file_that_has_the_project_s_name_is_noted(host: t.Any) -> None:
    noted = set(json.loads(host.check_output(f"cat {RECORD}"))["files"])
    pruned = r"\( -path /etc/labserver -o -path /etc/ssl/certs \) -prune"
    find = f"find /etc /usr/local {pruned} -o -name '*labserver*' ! -name '*~' ! -type d -print"
    there = {path.lstrip("/") for path in host.check_output(find).splitlines()}
    assert len(there) > 5
    assert there - noted == set()


def test_what_a_person_changes_is_named_until_it_is_put_back(host: t.Any) -> None:
    host.check_output(f"cp -p {UNIT} /root/unit && echo '# mine' >>{UNIT} && chmod 0644 {SECRET}")
    try:
        assert {row["path"]: row["what"] for row in site(host)["drift"]} == {UNIT: "changed", SECRET: "rights"}
        assert UNIT in host.check_output("labserver status")
    finally:
        host.check_output(f"mv /root/unit {UNIT} && chmod 0600 {SECRET}")
    assert site(host)["drift"] == []
