# Copyright (c) 2026, The labserver.jupyter authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A hub on one server with the registry of another: over TLS, with a password that was brought over, and protected."""

from __future__ import annotations

import json
import os
import re
import time
import typing as t
from pathlib import Path

import pytest
from conftest import ATLAS, BOREAS
from role_run import run_ansible

CATALOGUE = "/var/lib/labserver/catalogue/images.json"
PASSWORD = "/etc/labserver/hub/registry-password"
SECRET = "/etc/labserver/registry/secrets/puller"
ASK = """
import urllib.error, urllib.request
try:
    urllib.request.urlopen("https://registry.lab.test/v2/", timeout=10)
except urllib.error.HTTPError as error:
    print(error.code)
"""
NAMES = "docker ps --all --format '{{.Names}}'"


@pytest.fixture(scope="module")
def image(atlas: t.Any) -> dict[str, t.Any]:
    """The notebook image as the hub offers it, once it was fetched and tried."""
    end = time.monotonic() + 180
    while True:
        found = json.loads(atlas.file(CATALOGUE).content_string)["images"] if atlas.file(CATALOGUE).exists else []
        if found and found[0]["state"] != "pulling":
            return dict(found[0])
        assert time.monotonic() < end, f"{found}\n{atlas.run('journalctl -u labserver-catalogue').stdout[-3000:]}"
        time.sleep(1)


def site(*options: str) -> tuple[int, str]:
    """Run the site on both servers."""
    return run_ansible("ansible-playbook", ["playbooks/site.yml", *options], seconds=900)


def test_each_server_has_its_parts_alone(atlas: t.Any, boreas: t.Any) -> None:
    there = {name: set(host.check_output(NAMES).split()) for name, host in (("atlas", atlas), ("boreas", boreas))}
    assert there["atlas"] == {"labserver-hub", "labserver-hub-proxy", "labserver-docker-guard"}
    assert there["boreas"] == {"labserver-registry"}
    assert not boreas.file("/etc/labserver/hub").exists and not atlas.file("/etc/labserver/registry").exists
    assert not boreas.service("labserver-catalogue").is_running


def test_the_hub_offers_what_the_registry_of_the_other_server_holds(atlas: t.Any, image: dict[str, t.Any]) -> None:
    assert (image["repository"], image["tag"], image["state"]) == ("notebook", "latest", "ready"), image
    digests = json.loads(atlas.check_output("docker image inspect %s", image["reference"]))[0]["RepoDigests"]
    assert image["reference"] in digests and image["reference"].startswith("registry.lab.test/notebook@sha256:")


def test_the_password_crosses_by_tls_alone(atlas: t.Any, boreas: t.Any) -> None:
    assert atlas.file(PASSWORD).content_string == boreas.file(SECRET).content_string
    assert (atlas.file(PASSWORD).user, atlas.file(PASSWORD).mode) == ("root", 0o600)
    assert atlas.run("timeout 5 bash -c ': < /dev/tcp/registry.lab.test/5000'").rc != 0
    authority = atlas.file("/etc/labserver/public/ca.crt").content_string
    assert atlas.file("/etc/docker/certs.d/registry.lab.test/labserver-ca.crt").content_string == authority
    assert atlas.check_output("python3 -c %s", ASK) == "401"


def test_the_password_stays_out_of_files_on_the_controller(boreas: t.Any) -> None:
    """The record of the runs holds every result that a callback is told."""
    secret = boreas.file(SECRET).content_string.strip()
    folders = [Path(os.environ["LABSERVER_RUNS"]), Path(os.environ["MOLECULE_EPHEMERAL_DIRECTORY"])]
    files = [path for folder in folders for path in folder.rglob("*") if path.is_file()]
    assert len(files) > 4
    assert [path for path in files if secret.encode() in path.read_bytes()] == []


@pytest.fixture(scope="module")
def former_password(atlas: t.Any, image: dict[str, t.Any]) -> str:
    """The password for pulling before the site ran once more, with an image in use and a new password asked for."""
    former = str(atlas.file(PASSWORD).content_string)
    status, text = site("-e", '{"registry_rotate_users": ["puller"]}')
    assert status == 0, text[-6000:]
    return former


@pytest.mark.usefixtures("former_password")
def test_what_the_hub_uses_is_protected_on_the_other_server(boreas: t.Any, image: dict[str, t.Any]) -> None:
    report = json.loads(boreas.file(f"/etc/labserver/registry/in-use.d/{ATLAS}.json").content_string)
    why = [one["why"] for one in report["images"] if image["digest"] in one["digests"]]
    assert report["host"] == ATLAS and "default image of the hub" in why, report
    boreas.run("labserver run registry-maintenance")
    status_file = json.loads(boreas.file("/var/lib/labserver/jobs/registry-maintenance.json").content_string)
    assert status_file["level"] == "ok", status_file


def test_a_new_password_is_brought_over(atlas: t.Any, boreas: t.Any, former_password: str) -> None:
    assert atlas.file(PASSWORD).content_string == boreas.file(SECRET).content_string != former_password
    boreas.check_output(
        "docker login -u pusher --password-stdin 127.0.0.1:5000 < /etc/labserver/registry/secrets/pusher && "
        "cd /tmp && R=127.0.0.1:5000/notebook && docker pull $R:latest && docker tag $R:latest $R:2 && "
        "docker push $R:2; docker logout 127.0.0.1:5000"
    )
    end = time.monotonic() + 60
    while '"2"' not in atlas.file(CATALOGUE).content_string:
        assert time.monotonic() < end, "the catalogue does not read with the new password"
        time.sleep(1)


def test_one_server_away_does_not_stop_the_other(atlas: t.Any, tmp_path: Path) -> None:
    away = {
        "ansible_connection": "ssh",
        "ansible_ssh_executable": "ssh",
        "ansible_host": "127.0.0.1",
        "ansible_port": 1,
    }
    # molecule's environment names another program, for the guest with a kernel of its own.
    (tmp_path / "away.json").write_text(json.dumps({"all": {"hosts": {BOREAS: away}}}))
    status, text = site("-i", str(tmp_path / "away.json"))
    assert status == 4, text[-6000:]
    recap = {line.split()[0]: line for line in text.splitlines() if re.search(r"ok=\d+ +changed=", line)}
    assert "unreachable=1" in recap[BOREAS]
    assert "failed=0" in recap[ATLAS] and "changed=0" in recap[ATLAS]
    assert "does not answer. The password for its registry is not renewed" in text
    assert atlas.file(PASSWORD).exists
