# Copyright (c) 2026, The labserver.jupyter authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The engine as its own API, the kernel and the host's tools see it."""

from __future__ import annotations

import json
import typing as t

import pytest


@pytest.fixture
def distribution(host: t.Any) -> None:
    if "distribution" not in host.ansible.get_variables()["group_names"]:
        pytest.skip("for the host with hand-made settings")


@pytest.fixture
def upstream(host: t.Any) -> None:
    if "upstream" not in host.ansible.get_variables()["group_names"]:
        pytest.skip("for the host with Docker's repository")


def test_engine_runs_with_the_labs_settings(host: t.Any) -> None:
    info = json.loads(host.check_output("docker info --format '{{json .}}'"))
    assert info["LiveRestoreEnabled"] is True
    assert info["LoggingDriver"] == "json-file"
    assert {pool["Base"] for pool in info["DefaultAddressPools"]} == {"172.28.0.0/14"}


@pytest.mark.usefixtures("distribution")
def test_hand_made_settings_stay(host: t.Any) -> None:
    settings = json.loads(host.file("/etc/docker/daemon.json").content_string)
    assert settings["debug"] is False
    assert settings["log-opts"] == {"labels": "handmade", "max-size": "10m", "max-file": "3"}
    assert settings["max-concurrent-downloads"] == 4


@pytest.mark.usefixtures("distribution")
def test_the_old_settings_were_kept_beside(host: t.Any) -> None:
    backups = host.check_output("ls /etc/docker | grep -c 'daemon.json\\..*~'")
    assert int(backups) == 1


@pytest.mark.usefixtures("distribution")
def test_listed_administrator_joins_and_keeps_other_groups(host: t.Any) -> None:
    assert {"docker", "sudo"} <= set(host.check_output("id -Gn operator").split())


@pytest.mark.usefixtures("distribution")
def test_lab_ca_is_trusted(host: t.Any) -> None:
    certificate = "/usr/local/share/ca-certificates/lab-ca.crt"
    assert (
        host.run(
            f'openssl version || true; grep -qF "$(sed -n 2p {certificate})" /etc/ssl/certs/ca-certificates.crt'
        ).rc
        == 0
    )


def test_containers_survive_a_restart_of_the_engine(host: t.Any) -> None:
    host.check_output(
        "tar -cC / bin/busybox usr/bin/sleep lib lib64 2>/dev/null | docker import - t:1 >/dev/null || true"
    )
    host.check_output("docker run -d --name survivor t:1 /usr/bin/sleep 600")
    before = host.check_output("docker inspect -f '{{.State.Pid}} {{.State.StartedAt}}' survivor")
    host.check_output("systemctl restart docker")
    assert host.check_output("docker inspect -f '{{.State.Pid}} {{.State.StartedAt}}' survivor") == before
    host.check_output("docker rm -f survivor")


@pytest.mark.usefixtures("upstream")
def test_engine_comes_from_dockers_repository(host: t.Any) -> None:
    assert host.package("docker-ce").is_installed
    assert not host.package("docker.io").is_installed
    assert "file:/srv/repository" in host.check_output("apt-cache policy docker-ce")


@pytest.mark.usefixtures("upstream")
def test_hand_made_repository_was_taken_over(host: t.Any) -> None:
    assert not host.file("/etc/apt/sources.list.d/docker.list").exists
    assert host.file("/etc/apt/sources.list.d/docker.list.replaced-by-labserver").exists
    source = host.file("/etc/apt/sources.list.d/labserver-docker.sources").content_string
    assert "Signed-By: /etc/apt/keyrings/labserver-docker.asc" in source
    assert host.run("apt-get update -qq -o APT::Get::List-Cleanup=false").rc == 0
