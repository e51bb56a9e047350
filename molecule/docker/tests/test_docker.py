# Copyright (c) 2026, The labserver.jupyter authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The engine as its own API, the kernel and the host's tools see it."""

from __future__ import annotations

import json
import typing as t
from pathlib import Path

import pytest
from role_run import run_role

DUE = "/run/labserver/restart-due"


@pytest.fixture
def distribution(host: t.Any) -> None:
    if "distribution" not in host.ansible.get_variables()["group_names"]:
        pytest.skip("for the host with hand-made settings")


@pytest.fixture
def upstream(host: t.Any) -> None:
    if "upstream" not in host.ansible.get_variables()["group_names"]:
        pytest.skip("for the host with Docker's repository")


@pytest.fixture
def ubuntu_like(host: t.Any) -> None:
    if "ubuntu_like" not in host.ansible.get_variables()["group_names"]:
        pytest.skip("for the host that says it is Ubuntu")


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
def test_lab_ca_is_trusted_though_the_run_that_copied_it_died(host: t.Any) -> None:
    """prepare.yml put the file where a run that ended before ``update-ca-certificates`` would have left it."""
    certificate = "/usr/local/share/ca-certificates/lab-ca.crt"
    assert (
        host.run(
            f'openssl version || true; grep -qF "$(sed -n 2p {certificate})" /etc/ssl/certs/ca-certificates.crt'
        ).rc
        == 0
    )
    # So does the next run know that it is.
    assert (
        host.check_output(f"sha256sum < {certificate}")
        == host.file("/etc/labserver/docker/trusted").content_string.strip()
    )


def image_of_sleep(host: t.Any) -> str:
    """Make an image of one program and what it needs; returns its name."""
    files = "usr/bin/sleep lib64/ld-linux-x86-64.so.2 lib/x86_64-linux-gnu/libc.so.6"
    host.check_output(f"docker image inspect t:1 >/dev/null 2>&1 || tar -hcC / {files} | docker import - t:1")
    return "t:1"


def test_containers_survive_a_restart_of_the_engine(host: t.Any) -> None:
    host.check_output(f"docker run -d --name survivor {image_of_sleep(host)} /usr/bin/sleep 600")
    before = host.check_output("docker inspect -f '{{.State.Running}} {{.State.Pid}} {{.State.StartedAt}}' survivor")
    assert before.startswith("true ")
    host.check_output("systemctl restart docker")
    form = "'{{.State.Running}} {{.State.Pid}} {{.State.StartedAt}}'"
    assert host.check_output(f"docker inspect -f {form} survivor") == before
    host.check_output("docker rm -f survivor")


@pytest.mark.usefixtures("distribution")
def test_a_restart_that_a_run_did_not_come_to_is_made_up_for(host: t.Any, tmp_path: Path) -> None:
    def began() -> str:
        return str(host.check_output("systemctl show -p ActiveEnterTimestampMonotonic docker"))

    before = began()
    host.check_output(f"mkdir -p -m 0700 {DUE} && touch {DUE}/docker.service")
    for changed in (True, False):
        status, text = run_role(tmp_path, "docker", "distribution")
        assert status == 0, text
        assert (began() != before) is changed, text
        before = began()
    assert not host.file(f"{DUE}/docker.service").exists


@pytest.mark.usefixtures("upstream")
def test_engine_comes_from_dockers_repository(host: t.Any) -> None:
    assert host.package("docker-ce").is_installed
    assert not host.package("docker.io").is_installed
    assert "file:/srv/repository" in host.check_output("apt-cache policy docker-ce")


@pytest.mark.usefixtures("upstream")
def test_hand_made_repository_was_taken_over(host: t.Any) -> None:
    folder = "/etc/apt/sources.list.d"
    assert host.file(f"{folder}/docker.list").content_string == "deb [trusted=yes] file:/srv/other ./\n"
    assert "/usr/share/keyrings/docker.asc" in host.file(f"{folder}/docker.list.replaced-by-labserver").content_string
    source = host.file("/etc/apt/sources.list.d/labserver-docker.sources").content_string
    assert "Signed-By: /etc/apt/keyrings/labserver-docker.asc" in source
    assert host.run("apt-get update -qq -o APT::Get::List-Cleanup=false").rc == 0


@pytest.mark.usefixtures("upstream")
def test_compose_apps_take_the_plugin_of_dockers_repository(host: t.Any, tmp_path: Path) -> None:
    """Where nobody has installed Compose: the role says what to do, or does it."""
    host.check_output("apt-get remove -y -qq docker-compose-plugin")
    service = {"image": image_of_sleep(host), "command": ["/usr/bin/sleep", "600"]}
    app = {"name": "nap", "definition": {"services": {"web": service}}, "pull": "never", "wait_seconds": 60}
    given = {"compose_app_apps": [app]}
    status, text = run_role(tmp_path, "compose_app", "upstream", compose_app_install=False, **given)
    assert status != 0 and "Docker's own repository: apt install docker-compose-plugin" in " ".join(text.split())
    status, text = run_role(tmp_path, "compose_app", "upstream", **given)
    assert status == 0, text
    assert host.package("docker-compose-plugin").version == "5:99.0-1"
    assert not host.package("docker-compose").is_installed
    assert host.check_output("docker inspect -f '{{.State.Status}}' nap-web-1") == "running"
    host.check_output("docker rm -f nap-web-1")


@pytest.mark.usefixtures("ubuntu_like")
def test_on_ubuntu_its_own_names_are_installed(host: t.Any) -> None:
    """Ansible sees Ubuntu too, not only the role ``host``; the engine, its client and Compose v2 answer."""
    facts = host.ansible("setup", "gather_subset=!all,!min,distribution")["ansible_facts"]
    assert (facts["ansible_distribution"], facts["ansible_distribution_major_version"]) == ("Ubuntu", "24")
    assert host.package("docker-buildx").is_installed
    assert host.package("docker-compose-v2").is_installed
    assert host.check_output("docker compose version --short").startswith("2.")


@pytest.mark.usefixtures("ubuntu_like")
def test_on_ubuntu_the_repository_is_dockers_for_ubuntu(tmp_path: Path) -> None:
    """In check mode: Docker's own repository is not in reach."""
    status, text = run_role(tmp_path, "docker", "ubuntu_like", ["--check"], docker_source="upstream")
    assert "from https://download.docker.com/linux/ubuntu" in " ".join(text.split()), (status, text)


@pytest.mark.usefixtures("ubuntu_like")
def test_a_host_with_another_hub_is_refused_with_all_reasons(host: t.Any, tmp_path: Path) -> None:
    host.check_output("mkdir -p /opt/tljh /var/snap/docker")
    try:
        status, text = run_role(tmp_path, "host", "ubuntu_like")
    finally:
        host.check_output("rmdir /opt/tljh /var/snap/docker /var/snap")
    assert status != 0
    assert "2 problems with this host" in text
    assert "'snap remove docker'" in text and "The Littlest JupyterHub is installed here" in text
