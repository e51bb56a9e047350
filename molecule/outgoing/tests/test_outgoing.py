# Copyright (c) 2026, The labserver.jupyter authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Servers whose only way out is a proxy, as the log of the proxy and the files of the servers show it."""

from __future__ import annotations

import json
import re
import typing as t
from pathlib import Path

import pytest
from role_run import run_ansible, run_role

SECRET = "p%40ss"
LOG = "/var/log/squid/access.log"


def others(host: t.Any, group: str) -> t.Any:
    """Return the host of a group; the test itself runs once for each host."""
    if group not in host.ansible.get_variables()["group_names"]:
        pytest.skip(f"for the host {group}")
    return host


@pytest.fixture
def gate(host: t.Any) -> t.Any:
    return others(host, "gate")


@pytest.fixture
def plain(host: t.Any) -> t.Any:
    return others(host, "plain")


@pytest.fixture
def inspected(host: t.Any) -> t.Any:
    return others(host, "inspected")


def requests(gate: t.Any, port: str) -> list[list[str]]:
    """Return what the proxy at ``port`` let through: port, user, method, address and status of each request."""
    lines = [line.split() for line in gate.file(LOG).content_string.splitlines()]
    return [line for line in lines if len(line) == 5 and line[0] == port and line[4] in ("200", "201", "304")]


def test_packages_came_through_the_proxies(gate: t.Any) -> None:
    for port, user in (("3128", "lab"), ("3129", "-")):
        fetched = [line for line in requests(gate, port) if line[3].endswith(".deb")]
        assert len(fetched) > 5, port
        assert {line[1] for line in fetched} == {user}


def test_the_authority_was_reached_through_the_proxy(gate: t.Any) -> None:
    assert ["3128", "lab", "CONNECT", "authority.example.org:14000", "200"] in requests(gate, "3128")


def test_backups_went_through_the_proxy(gate: t.Any) -> None:
    sent = [line for line in requests(gate, "3128") if line[3].startswith("http://gate.example.org:8080/lab/")]
    assert {"POST", "GET"} <= {line[2] for line in sent}


def test_the_firewall_saw_into_tls(gate: t.Any) -> None:
    """A proxy that only passes TLS on would have CONNECT and nothing else."""
    inside = [line[3] for line in requests(gate, "3129") if line[2] == "GET" and line[3].startswith("https://")]
    assert any("six" in address for address in inside)
    assert any("left-pad" in address for address in inside)


def test_what_is_on_the_host_was_not_asked_for_at_the_proxy(gate: t.Any) -> None:
    everything = gate.file(LOG).content_string
    assert "127.0.0.1" not in everything
    assert "lab.test" not in everything


def test_there_is_a_certificate_and_cron_can_renew_it(plain: t.Any) -> None:
    before = plain.check_output("openssl x509 -noout -serial -in /etc/labserver/tls/server/cert.pem")
    # The environment of cron, which knows nothing of proxies.
    done = plain.run("env -i PATH=/usr/sbin:/usr/bin:/sbin:/bin /usr/local/sbin/labserver renew --force server")
    assert done.rc == 0, done.stdout + done.stderr
    assert plain.check_output("openssl x509 -noout -serial -in /etc/labserver/tls/server/cert.pem") != before


def test_the_password_is_for_root_alone(plain: t.Any) -> None:
    found = plain.check_output(f"grep -rlF {SECRET} /etc /usr/local /var/lib/labserver /var/log 2>/dev/null").split()
    assert sorted(found) == ["/etc/apt/apt.conf.d/80labserver-outgoing", "/etc/labserver/outgoing.env"]
    assert {plain.file(path).mode for path in found} == {0o600}
    assert SECRET not in plain.check_output("ps axww -o args")


def test_the_engine_knows_the_proxy(inspected: t.Any) -> None:
    info = json.loads(inspected.check_output("docker info --format '{{json .}}'"))
    assert info["HttpProxy"] == info["HttpsProxy"] == "http://gate.example.org:3129"
    assert "127.0.0.1" in info["NoProxy"]


def test_an_image_does_not_keep_the_proxy(inspected: t.Any) -> None:
    image = inspected.check_output("docker images --format '{{.Repository}}:{{.Tag}}' outgoing/tools").strip()
    told = inspected.check_output(f"docker image inspect {image}; docker history --no-trunc {image}")
    assert "3129" not in told


def test_the_mounts_of_the_host_stay_shared_when_the_base_image_is_built(inspected: t.Any) -> None:
    """Else shares that are mounted later would be empty folders in containers."""
    (root,) = [line for line in inspected.file("/proc/1/mountinfo").content_string.splitlines() if " / / " in line]
    assert "shared:" in root


def test_a_person_installs_packages_in_a_terminal(inspected: t.Any) -> None:
    """With the variables that role hub gives people's servers, as the role computes them."""
    image = inspected.check_output("docker images --format '{{.Repository}}:{{.Tag}}' outgoing/tools").strip()
    terminal = f"docker run --rm --env-file /etc/labserver/outgoing.env {image}"
    assert inspected.run(f"{terminal} pip install --break-system-packages --target /tmp/x attrs").rc == 0
    without = inspected.run(f"docker run --rm {image} pip install --retries 0 --target /tmp/x attrs")
    assert without.rc != 0


def test_git_goes_through_the_firewall_too(inspected: t.Any) -> None:
    """No server of git is at hand: one that answers that it has no repository was reached, over TLS that git trusts."""
    image = inspected.check_output("docker images --format '{{.Repository}}:{{.Tag}}' outgoing/tools").strip()
    terminal = f"docker run --rm --env-file /etc/labserver/outgoing.env {image}"
    asked = inspected.run(f"{terminal} git ls-remote https://pypi.org/simple/")
    assert re.search(r"not found|returned error: 40[0-9]|not valid: is this a git repository", asked.stderr), (
        asked.stderr
    )
    without = inspected.run(f"docker run --rm {image} git ls-remote https://pypi.org/simple/")
    assert re.search(r"Could not resolve|Failed to connect|unreachable", without.stderr), without.stderr


def test_an_authority_that_an_image_does_not_know_is_told(inspected: t.Any, tmp_path: Path) -> None:
    """The base of somebody else knows nothing of the firewall, which answers with certificates of its own."""
    image = inspected.check_output("docker images --format '{{.Repository}}:{{.Tag}}' outgoing/tools").strip()
    context = tmp_path / "stranger"
    context.mkdir()
    forgets = "sed -i '/-----END CERTIFICATE-----/q' /etc/ssl/certs/ca-certificates.crt"
    context.joinpath("Dockerfile").write_text(
        f"ARG BASE\nFROM {image}\nRUN {forgets} && pip install --break-system-packages attrs\n"
    )
    stranger = [{"name": "outgoing/stranger", "context": str(context)}]
    status, output = run_role(tmp_path, "image_build", hosts="inspected", image_build_images=stranger)
    assert status != 0
    assert "a certificate is not trusted here: if a firewall on the way out opens TLS, name its authority" in output


def test_a_login_that_the_proxy_refuses_is_told(plain: t.Any, tmp_path: Path) -> None:
    wrong = "http://lab:guessed@gate.example.org:3128"
    said = "proxy asks for a login, or refuses the one it gets (407): see user and password in labserver_http_proxy"
    try:
        status, output = run_role(tmp_path, "docker", hosts="plain", labserver_http_proxy=wrong)
        assert status == 0, output
        assert plain.run("labserver run backup").rc != 0
        assert said in plain.check_output("tail -n 40 /var/log/labserver/backup.log")
        package = [
            "plain",
            "-m",
            "labserver.jupyter.packages",
            "-a",
            "name=hello",
            "-e",
            f"labserver_http_proxy={wrong}",
        ]
        status, output = run_ansible("ansible", package)
        assert status != 0 and said in output
        assert "guessed" not in output
    finally:
        status, output = run_role(tmp_path, "docker", hosts="plain")
        assert status == 0, output
    assert plain.run("labserver run backup").rc == 0


def test_without_the_proxy_everything_is_taken_back(plain: t.Any, tmp_path: Path) -> None:
    """Last, as it changes the host."""
    status, output = run_role(tmp_path, "docker", hosts="plain", labserver_http_proxy="")
    assert status == 0, output
    for path in ("/etc/apt/apt.conf.d/80labserver-outgoing", "/etc/labserver/outgoing.env"):
        assert not plain.file(path).exists
    assert json.loads(plain.check_output("docker info --format '{{json .HTTPProxy}}'")) == ""
