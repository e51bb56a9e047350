# Copyright (c) 2026, The labserver.jupyter authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""examples/pad with the real Etherpad of npm: its image builds, and what people wrote outlives the container.

Only the base image is another one: the lab's own, since Debian's of a public registry may be out of reach. That Compose
and the role take such a definition is shown in the scenario ``apps``.
"""

from __future__ import annotations

import json
import shlex
import time
import typing as t
import urllib.parse
import urllib.request
from collections.abc import Iterator
from pathlib import Path

import image_builds
import pytest
import yaml
from image_builds import docker
from paths import ROOT

APP = yaml.safe_load((ROOT / "examples/pad/group_vars/all.yml").read_text())["compose_app_apps"][0]
SERVICE = APP["definition"]["services"]["pad"]
NAME, VOLUME = "labserver-soak-pad", "labserver-soak-pads"


@pytest.fixture(scope="module")
def image(tmp_path_factory: pytest.TempPathFactory) -> str:
    folder: Path = tmp_path_factory.mktemp("pad")
    for name, text in APP["files"].items():
        (folder / name).write_text(text)
    return image_builds.build(folder, image_builds.base(), "pad")


def start(image: str) -> None:
    """Run the service as the example's Compose file says, and wait for its own health check."""
    (volume,) = SERVICE["volumes"]
    well = shlex.join(SERVICE["healthcheck"]["test"][1:]) + " && echo well"
    docker(
        "run", "--detach", "--name", NAME, "--init", "--volume", f"{VOLUME}:{volume.split(':')[1]}",
        *(f"--cap-drop={each}" for each in SERVICE["cap_drop"]),
        *(f"--security-opt={each}" for each in SERVICE["security_opt"]),
        f"--memory={SERVICE['mem_limit']}", image,
    )  # fmt: skip
    deadline = time.monotonic() + 600
    while docker("exec", NAME, "sh", "-c", well, check=False) != "well":
        assert time.monotonic() < deadline, docker("logs", NAME, stderr=True)[-3000:]
        time.sleep(1)


@pytest.fixture
def pad(image: str) -> Iterator[str]:
    docker("rm", "--force", "--volumes", NAME, check=False)
    docker("volume", "rm", VOLUME, check=False)
    start(image)
    yield image
    docker("rm", "--force", NAME, check=False)
    docker("volume", "rm", VOLUME, check=False)


def ask(call: str, **arguments: str) -> dict[str, t.Any]:
    """Call Etherpad's own interface at the address of the container."""
    address = docker("inspect", "--format", "{{range .NetworkSettings.Networks}}{{.IPAddress}}{{end}}", NAME)
    arguments["apikey"] = docker("exec", NAME, "cat", "/opt/etherpad/APIKEY.txt")
    url = f"http://{address}:9001/api/1/{call}?{urllib.parse.urlencode(arguments)}"
    with urllib.request.urlopen(url, timeout=30) as answer:
        return dict(json.load(answer))


def test_what_people_wrote_outlives_the_container(pad: str) -> None:
    assert ask("createPad", padID="meeting", text="who brings the cake?")["code"] == 0
    assert docker("exec", NAME, "id", "--user", "--name") == "www-data"
    docker("rm", "--force", NAME)
    start(pad)
    assert ask("getText", padID="meeting")["data"]["text"] == "who brings the cake?\n"
