# Copyright (c) 2026, The labserver.jupyter authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The documented command in a container, with a real engine: docker exec, time limits, restarts."""

from __future__ import annotations

import contextlib
import json
import shutil
import subprocess
import tarfile
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from parts import Lab
from paths import CHECKOUT

pytestmark = [
    pytest.mark.engine,
    pytest.mark.skipif(
        subprocess.run(["docker", "info"], capture_output=True, check=False).returncode != 0
        if shutil.which("docker")
        else True,
        reason="needs a Docker engine",
    ),
]

NAME = f"labserver-test-certificates-{CHECKOUT}"
IMAGE = f"{NAME}:busybox"

# What the CoCalc documents describe, as short as it can be: "setup" makes an account, "renew" writes the pair.
SCRIPT = """#!/bin/sh
case $1 in
  setup) echo "$2 $3" >/data/account ;;
  renew)
    [ -f /data/account ] || { echo "run setup first"; exit 4; }
    [ -f /data/hang ] && sleep 76543
    cp /data/next/key.pem /data/next/cert.pem /data/ ;;
esac
"""


@pytest.fixture(scope="module")
def image(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """An image of the host's busybox alone."""
    folder = tmp_path_factory.mktemp("image")
    if not Path("/bin/busybox").exists() or b"statically" not in subprocess.check_output(
        ["file", "-L", "/bin/busybox"]
    ):
        subprocess.run(
            ["apt-get", "install", "-y", "-qq", "busybox-static", "file"], check=True, stdout=subprocess.DEVNULL
        )
    script = folder / "letsencrypt-cert"
    script.write_text(SCRIPT)
    script.chmod(0o755)
    with tarfile.open(folder / "image.tar", "w") as archive:
        archive.add("/bin/busybox", "bin/busybox")
        for name in ("sh", "sleep", "cp", "echo", "cat"):
            link = tarfile.TarInfo(f"bin/{name}")
            link.type, link.linkname = tarfile.SYMTYPE, "busybox"
            archive.addfile(link)
        archive.add(script, "usr/local/bin/letsencrypt-cert")
    with (folder / "image.tar").open("rb") as archive_file:
        subprocess.run(["docker", "import", "-", IMAGE], stdin=archive_file, check=True, stdout=subprocess.DEVNULL)
    yield IMAGE
    subprocess.run(["docker", "rmi", "--force", IMAGE], check=True, stdout=subprocess.DEVNULL)


def remove() -> None:
    """Remove the container, whatever state it is in; nothing happens when there is none."""
    subprocess.run(["docker", "rm", "--force", NAME], check=False, capture_output=True)


@contextlib.contextmanager
def stand_in(image: str, folder: Path, *options: str) -> Iterator[Path]:
    """A running stand-in for the CoCalc container; its data folder on the host.

    What an earlier one left behind is removed first, and in the end also a container that was made and not started.
    """
    (folder / "next").mkdir(parents=True)
    remove()
    try:
        argv = ["docker", "run", "-d", "--init", "--name", NAME, "-v", f"{folder}:/data", *options]
        subprocess.run([*argv, image, "/bin/sleep", "600"], check=True, stdout=subprocess.DEVNULL)
        yield folder
    finally:
        remove()


@pytest.fixture
def data(image: str, tmp_path: Path) -> Iterator[Path]:
    with stand_in(image, tmp_path / "data") as folder:
        yield folder


def test_a_run_that_fails_leaves_no_container_in_the_way_of_the_next(image: str, tmp_path: Path) -> None:
    with (
        pytest.raises(subprocess.CalledProcessError),
        stand_in(image, tmp_path / "first", "--network", "container:not-there"),
    ):
        pass
    assert docker("ps", "--all", "--quiet", "--filter", f"name=^{NAME}$") == ""
    docker("create", "--name", NAME, image, "/bin/sleep", "600")  # what a run leaves that is killed
    with stand_in(image, tmp_path / "second"):
        assert docker("ps", "--quiet", "--filter", f"name=^{NAME}$") != ""


def offer(data: Path, days: int) -> None:
    subprocess.run(
        ["openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes",
         "-days", str(days), "-keyout", data / "next/key.pem", "-out", data / "next/cert.pem", "-subj", "/CN=x",
         "-addext", "subjectAltName=DNS:cocalc.lab.test"],
        check=True, capture_output=True,
    )  # fmt: skip


def entry(data: Path, **more: Any) -> dict[str, Any]:
    commands = {
        "setup_command": ["letsencrypt-cert", "setup", "cocalc.lab.test", "somebody@lab.test"],
        "renew_command": ["letsencrypt-cert", "renew"],
    }
    paths = {"certificate": str(data / "cert.pem"), "key": str(data / "key.pem")}
    options = {"container": NAME, **commands, **paths, **more}
    return {"name": "cocalc", "names": ["cocalc.lab.test"], "source": "container_exec", "container_exec": options}


def docker(*arguments: str) -> str:
    return subprocess.check_output(["docker", *arguments], text=True)


def test_setup_once_then_renew_when_due(lab: Lab, data: Path) -> None:
    offer(data, 90)
    lab.configure(entry(data))
    status, outcome, said = lab.renew()
    assert (status, outcome["renewed"]) == (0, ["cocalc"]), said
    assert (data / "account").read_text() == "cocalc.lab.test somebody@lab.test\n"
    assert lab.renew()[1]["changed"] is False
    (data / "account").write_text("kept\n")
    offer(data, 120)
    assert lab.renew(shift="+61d")[1]["renewed"] == ["cocalc"]
    assert (data / "account").read_text() == "kept\n"


def test_paths_inside_the_container(lab: Lab, data: Path) -> None:
    offer(data, 90)
    lab.configure(entry(data, inside=True, certificate="/data/cert.pem", key="/data/key.pem"))
    assert lab.renew()[0] == 0


def test_a_hanging_command_is_ended_in_the_container_too(lab: Lab, data: Path) -> None:
    offer(data, 90)
    (data / "hang").touch()
    lab.configure(entry(data, timeout_seconds=2))
    assert lab.renew()[0] == 1
    assert "did not end within 2 s" in lab.state("cocalc")["failed"]
    assert "76543" not in docker("top", NAME)


def test_a_job_in_a_container_ends_with_its_time(lab: Lab, data: Path) -> None:
    folder = lab.root / "etc/labserver/jobs.d"
    folder.mkdir(parents=True)
    job = {"version": 1, "name": "slow", "command": ["sleep", "65432"], "container": NAME, "timeout_seconds": 2}
    (folder / "slow.json").write_text(json.dumps({**job, "environment": {"TOKEN": "s3cret"}, "fields": "* * * * *"}))
    run = subprocess.Popen(lab.command("run", "slow"), stdout=subprocess.DEVNULL)
    time.sleep(1.2)
    assert "65432" in docker("top", NAME)
    assert "s3cret" not in subprocess.check_output(["ps", "axww", "-o", "args"], text=True)
    assert run.wait(20) == 2
    assert "65432" not in docker("top", NAME)


@pytest.mark.parametrize("state", ["stopped", "paused", "missing", "no command"])
def test_a_container_that_cannot_is_named(lab: Lab, data: Path, state: str) -> None:
    offer(data, 90)
    words = {
        "stopped": "is not running (exited)",
        "paused": "is not running (paused)",
        "missing": "there is no container",
        "no command": 'has no command "letsencrypt"',
    }[state]
    changes: dict[str, Any] = {}
    if state == "stopped":
        docker("stop", "-t", "0", NAME)
    elif state == "paused":
        docker("pause", NAME)
    elif state == "missing":
        changes["container"] = "labserver-test-nowhere"
    else:
        changes |= {"setup_command": None, "renew_command": ["letsencrypt", "renew"]}
    lab.configure(entry(data, **changes))
    assert lab.renew()[0] == 1
    assert words in lab.state("cocalc")["failed"]
    if state == "paused":
        docker("unpause", NAME)


def test_a_container_is_restarted_for_its_certificate_and_only_then(lab: Lab, data: Path) -> None:
    offer(data, 90)
    restart = {
        "name": "cocalc",
        "copy": {"folder": str(data / "conf")},
        "reload": {"container": NAME, "action": "restart"},
    }
    lab.configure({**entry(data), "deploy": [restart]})

    def started() -> str:
        return docker("inspect", "-f", "{{.State.StartedAt}}", NAME)

    first = started()
    assert lab.renew()[0] == 0
    second = started()
    assert second != first
    lab.renew()
    assert started() == second
    docker("stop", "-t", "0", NAME)
    offer(data, 120)
    lab.renew(shift="+61d")
    assert "is not running" in lab.state("cocalc")["failed"]
    docker("start", NAME)
    third = started()
    assert lab.renew(shift="+62d")[0] == 0
    assert started() != third
