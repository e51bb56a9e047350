# Copyright (c) 2026, The labserver.jupyter authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A whole run of site.yml notes its files, containers and packages; the status names what a person changes, and nothing
that programs write."""

from __future__ import annotations

import json
import typing as t

RECORD = "/var/lib/labserver/status/site.json"
UNIT = "/etc/systemd/system/labserver-catalogue.service"
SECRET = "/etc/labserver/hub/secrets/cookie_secret"
PROXY = "labserver-hub-proxy"
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
    for part in ("containers", "packages"):
        assert (found[part]["drift"], found[part]["unknown"]) == ([], ""), part
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


def test_every_container_that_has_the_project_s_label_is_noted(host: t.Any) -> None:
    noted = set(json.loads(host.check_output(f"cat {RECORD}"))["containers"])
    labels = ("org.labserver.config", "org.labserver.config-sha256")  # of roles, of apps
    listed = "docker ps --all --format '{{.Names}}' --filter label="
    there = {name for label in labels for name in host.check_output(listed + label).split()}
    assert {PROXY, "labserver-hub", "labserver-registry"} <= there
    assert noted == there


def test_a_container_that_a_person_changes_is_named_until_it_is_put_back(host: t.Any) -> None:
    form = "'{{.HostConfig.Memory}} {{.HostConfig.MemorySwap}} {{.Id}} {{.State.StartedAt}}'"
    memory, swap, *running = host.check_output(f"docker inspect --format {form} {PROXY}").split()
    assert memory == str(512 << 20)
    host.check_output(f"docker update --memory 600m --memory-swap 1200m --restart unless-stopped {PROXY}")
    try:
        (row,) = site(host)["containers"]["drift"]
        assert (row["name"], row["what"]) == (PROXY, "changed")
        assert "memory limit 600 MiB, was 512 MiB" in row["message"]
        assert "restart policy unless-stopped, was always" in row["message"]
        assert "memory limit 600 MiB, was 512 MiB" in host.check_output("labserver status")
    finally:
        host.check_output(f"docker update --memory {memory} --memory-swap {swap} --restart always {PROXY}")
    assert site(host)["containers"]["drift"] == []
    assert host.check_output(f"docker inspect --format {form} {PROXY}").split() == [memory, swap, *running]


def test_packages_are_noted_as_dpkg_has_them_and_one_that_is_held_is_named(host: t.Any) -> None:
    noted = json.loads(host.check_output(f"cat {RECORD}"))["packages"]
    assert noted["cron"][0] == host.check_output("dpkg-query --show --showformat '${Version}' cron")
    assert {"cron", "docker.io", "nginx"} <= set(noted)
    host.check_output("apt-mark hold cron")
    try:
        assert [(row["name"], row["what"]) for row in site(host)["packages"]["drift"]] == [("cron", "held")]
    finally:
        host.check_output("apt-mark unhold cron")
    assert site(host)["packages"]["drift"] == []
