# Copyright (c) 2026, The labserver.jupyter authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The walk of a person in a browser; its pictures are kept in .cache/screenshots."""

from __future__ import annotations

import json
import subprocess
import sys
import typing as t

import pytest
from conftest import OWN, catalogue, push
from long_tests import long
from paths import ROOT

ANNOUNCED = "The microscope is aligned on Friday"
BOARD = "/etc/labserver/public/announcements.json"


@pytest.fixture(scope="module")
def scenery(lab: t.Any, pusher: None) -> t.Iterator[None]:
    """A second image to choose, and something to announce."""
    push(lab, "choice", 'LABEL org.labserver.title="The other one"')
    before = lab.sh(f"cat {BOARD}")
    document = {"version": 1, "announcements": [{"text": ANNOUNCED, "severity": "warning"}]}
    lab.write(f"{BOARD}.new", json.dumps(document))
    lab.sh(f"mv {BOARD}.new {BOARD}")
    lab.until("both images", lambda: catalogue(lab).get("choice:1", {}).get("state") == "ready", 90)
    lab.until("the first image", lambda: catalogue(lab)["notebook:latest"]["state"] == "ready", 90)
    yield
    lab.write(f"{BOARD}.new", before)
    lab.sh(f"mv {BOARD}.new {BOARD}")


@pytest.mark.parametrize(
    ("name", "restart"), [("student11", False), pytest.param("student12", True, marks=long("soak-long"))]
)
def test_a_person_walks_through_the_hub(lab: t.Any, scenery: None, name: str, restart: bool) -> None:
    pictures = ROOT / ".cache" / "screenshots" / ("hub-restarted" if restart else "hub")
    for old in pictures.glob("*.png"):
        old.unlink()
    walk = [
        sys.executable, str(ROOT / "tests" / "browser" / "walk.py"), lab.base, name, lab.one_time().get(name, OWN),
        "--image", "choice:1", "--announcement", ANNOUNCED, "--screenshots", str(pictures),
    ]  # fmt: skip
    if restart:
        walk += ["--restart", f"docker exec {lab.host.backend.get_hostname()} docker restart -t 5 labserver-hub"]
    if lab.running(name):  # of an earlier verification
        lab.without_server(name)
    started = lab.sh("docker inspect --format '{{.State.StartedAt}}' labserver-hub")
    done = subprocess.run(walk, capture_output=True, text=True, check=False, timeout=400)
    assert done.returncode == 0, done.stdout + done.stderr
    assert (lab.sh("docker inspect --format '{{.State.StartedAt}}' labserver-hub") != started) is restart
    taken = [picture.stem[3:] for picture in sorted(pictures.glob("*.png"))]
    assert {"login", "announcement", "choose-image", "cell", "announcement-in-lab", "home", "stopped"} <= set(taken)
    assert ("cell-after-restart" in taken) is restart
    assert all(picture.stat().st_size > 5000 for picture in pictures.glob("*.png"))
    assert not lab.running(name)
