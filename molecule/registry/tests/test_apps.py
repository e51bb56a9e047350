# Copyright (c) 2026, The labserver.jupyter authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Apps whose images lie in the lab's own registry, which nobody reads without a password."""

from __future__ import annotations

import json
import typing as t
from pathlib import Path

import pytest
from conftest import REGISTRY
from long_tests import long
from role_run import run_role
from test_lab import ansible
from test_registry import login

IMAGE = "127.0.0.1:5000/mirror/tool:1"
LOGINS = [
    {"registry": "127.0.0.1:5000", "username": "puller", "password_file": "/etc/labserver/registry/secrets/puller"}
]


@pytest.fixture
def mirrored(host: t.Any) -> None:
    """The image is in the registry alone: neither on the host, nor may the host read it as nobody."""
    login(host, "pusher")
    host.check_output(
        "mkdir -p /tmp/tool && cp $(readlink -f $(command -v sleep)) /tmp/tool/sleep && "
        "ldd /tmp/tool/sleep | grep -o '/[^ ]*' | xargs -I % cp --parents -L % /tmp/tool && "
        f"tar -cC /tmp/tool . | docker import - {IMAGE} && docker push {IMAGE}"
    )
    host.check_output(f"docker logout 127.0.0.1:5000; docker image rm {IMAGE}")
    assert "no basic auth credentials" in host.run(f"docker pull {IMAGE}").stderr


@long("soak-long")
def test_a_compose_app(host: t.Any, mirrored: None, tmp_path: Path) -> None:
    # (Its name is also that of the folder of logins, but for a dot.)
    app = {"name": "docker", "definition": {"services": {"one": {"image": IMAGE, "command": ["/sleep", "600"]}}}}
    for changed in (1, 0):
        status, text = run_role(tmp_path, "compose_app", REGISTRY, compose_app_apps=[app])
        assert status == 0, text
        assert (" changed=0 " in text) is not changed, text
    assert host.check_output("docker ps -q --filter label=com.docker.compose.project=docker")
    assert not host.file("/root/.docker/config.json").contains("cHVsbGVy")  # "puller" in base64
    status, text = run_role(tmp_path, "compose_app", REGISTRY, compose_app_apps=[app | {"state": "absent"}])
    assert status == 0, text


def test_cocalc(host: t.Any, mirrored: None) -> None:
    """The image is none of CoCalc: it is fetched, and then nothing answers."""
    folder = "/srv/labserver/cocalc"
    host.check_output(f"mkdir -p {folder} && echo token > {folder}/token")
    arguments = {"image": IMAGE, "data_folder": f"{folder}/data", "dump_folder": f"{folder}/dumps", "health_seconds": 3}
    arguments |= {"token_file": f"{folder}/token", "port": 9443, "memory_bytes": 64 << 20}
    for logins, refused in (([], True), (LOGINS, False)):
        given = json.dumps(arguments | {"registry_logins": logins})
        said = ansible("ansible", REGISTRY, "-b", "-m", "labserver.jupyter.cocalc_server", "-a", given, good=False)
        assert ("no basic auth credentials" in said) is refused, said
        assert (host.run(f"docker image inspect {IMAGE}").rc != 0) is refused
    host.check_output("docker rm -f cocalc")
