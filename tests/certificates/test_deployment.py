# Copyright (c) 2026, The labserver.jupyter authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Deployment to real TLS servers and processes: what is served is what was installed."""

from __future__ import annotations

import subprocess
from pathlib import Path
from typing import Any

import parts
import pytest
from parts import Consumer, Lab


def target(consumer: Consumer, **more: Any) -> dict[str, Any]:
    probe = {"port": consumer.port, "server_name": "hub.lab.test", "wait_seconds": 2}
    return {"name": "web", "reload": {"command": consumer.reload}, "probe": probe, **more}


def renew_files(files: dict[str, Any], tmp_path: Path) -> None:
    """Somebody puts a new certificate in the place of the old one."""
    parts.make_pair(tmp_path, "given", "DNS:hub.lab.test", days=91)


def test_what_is_served_changes_only_when_the_file_does(
    lab: Lab, files: dict[str, Any], consumer: Consumer, tmp_path: Path
) -> None:
    lab.configure({**files, "deploy": [target(consumer)]})
    assert lab.renew()[1]["deployed"] == []  # it serves the right one already: no reload
    before = parts.fingerprint_served(consumer.port)
    renew_files(files, tmp_path)
    status, outcome, said = lab.renew()
    assert (status, outcome["deployed"]) == (0, ["hub: web"]), said
    assert parts.fingerprint_served(consumer.port) == lab.fingerprint("hub") != before
    assert lab.renew()[1]["changed"] is False
    assert lab.state("hub")["targets"]["web"]["served"] == "yes"


@pytest.mark.parametrize(
    ("command", "words"),
    [
        (["/bin/false"], "/bin/false failed with status 1"),
        (["/nowhere/hook"], "is not installed"),
        (["/bin/true"], "still serves another certificate"),  # the hook that lies
        (["/bin/sleep", "34567"], "did not end within 1 s"),
    ],
)
def test_a_deployment_that_failed_stays_pending_and_is_tried_again(
    lab: Lab, files: dict[str, Any], consumer: Consumer, tmp_path: Path, command: list[str], words: str
) -> None:
    bad = target(consumer, reload={"command": command, "timeout_seconds": 1})
    renew_files(files, tmp_path)
    lab.configure({**files, "deploy": [bad]})
    status, outcome, _said = lab.renew()
    assert (status, outcome["renewed"]) == (1, ["hub"])
    assert words in lab.state("hub")["message"]
    assert lab.renew()[0] == 1
    lab.configure({**files, "deploy": [target(consumer)]})
    status, outcome, said = lab.renew()
    assert (status, outcome["renewed"], outcome["deployed"]) == (0, [], ["hub: web"]), said
    assert parts.fingerprint_served(consumer.port) == lab.fingerprint("hub")
    assert subprocess.run(["pgrep", "-f", "^/bin/sleep 34567$"], check=False).returncode == 1


def test_a_service_that_fell_back_to_another_certificate_is_noticed(
    lab: Lab, files: dict[str, Any], consumer: Consumer, tmp_path: Path
) -> None:
    lab.configure({**files, "deploy": [target(consumer)]})
    lab.renew()
    other = parts.make_pair(tmp_path, "other", "DNS:other.lab.test")
    consumer.stop()
    with parts.running(Consumer(lab.root, other[1], other[0])) as wrong:
        lab.configure({**files, "deploy": [target(wrong)]})
        assert lab.renew()[0] == 1
        assert "still serves another certificate" in lab.state("hub")["message"]


def test_a_service_that_is_down_is_told_and_not_reloaded(lab: Lab, files: dict[str, Any], consumer: Consumer) -> None:
    lab.configure({**files, "deploy": [target(consumer)]})
    lab.renew()
    consumer.stop()
    status, outcome, _said = lab.renew()
    assert (status, outcome["deployed"]) == (1, [])
    assert "web does not answer" in lab.state("hub")["message"]


def test_a_chain_that_was_completed_is_installed_and_deployed(
    lab: Lab, files: dict[str, Any], consumer: Consumer, tmp_path: Path
) -> None:
    counted = tmp_path / "reloads"
    reload = {"command": ["/bin/sh", "-c", f"echo reload >>{counted}"]}
    lab.configure({**files, "deploy": [target(consumer, reload=reload)]})
    lab.renew()
    given = Path(files["files"]["certificate"])
    # The same certificate with one more below it, as when the intermediate was forgotten at first.
    given.write_bytes(given.read_bytes() * 2)
    status, outcome, said = lab.renew()
    assert (status, outcome["renewed"], outcome["deployed"]) == (0, ["hub"], ["hub: web"]), said
    assert lab.file("hub").read_bytes() == given.read_bytes()
    assert counted.read_text() == "reload\n"
    assert lab.renew()[1]["changed"] is False


@pytest.mark.parametrize("change", ["chain", "hsts"])
def test_a_failed_reload_for_the_same_certificate_is_owed(
    lab: Lab, files: dict[str, Any], consumer: Consumer, change: str
) -> None:
    """The fingerprint that is served is right all the time, so it cannot tell that the service reads older files."""
    lab.configure({**files, "deploy": [target(consumer)]})
    lab.renew()
    if change == "chain":
        given = Path(files["files"]["certificate"])
        given.write_bytes(given.read_bytes() * 2)
    else:
        files = {**files, "hsts": True}
    lab.configure({**files, "deploy": [target(consumer, reload={"command": ["/bin/false"]})]})
    for _run in range(2):
        assert lab.renew()[0] == 1
        assert "/bin/false failed" in lab.state("hub")["message"]
    lab.configure({**files, "deploy": [target(consumer)]})
    assert lab.renew()[:2][1]["deployed"] == ["hub: web"]
    assert lab.renew()[1]["changed"] is False


def test_hsts_is_changed_at_once_and_restarts_no_copy(lab: Lab, files: dict[str, Any], tmp_path: Path) -> None:
    counted = {name: tmp_path / name for name in ("front", "cocalc")}
    reloads = {name: {"command": ["/bin/sh", "-c", f"echo x >>{path}"]} for name, path in counted.items()}
    copy = {"name": "cocalc", "copy": {"folder": str(tmp_path / "copy")}, "reload": reloads["cocalc"]}
    entry = {**files, "deploy": [{"name": "front", "reload": reloads["front"]}, copy]}
    lab.configure(entry)
    lab.renew()
    before = lab.fingerprint("hub")
    for number, wanted in enumerate((True, False, False), start=2):
        lab.configure({**entry, "hsts": wanted})
        lab.renew()
        assert lab.file("hub", "hsts.conf").exists() is wanted
        assert counted["front"].read_text() == "x\n" * min(number, 3)
    assert counted["cocalc"].read_text() == "x\n"
    assert lab.fingerprint("hub") == before


def test_copies_are_repaired_and_have_the_wanted_mode(lab: Lab, files: dict[str, Any], tmp_path: Path) -> None:
    folder = tmp_path / "cocalc/conf/cert"
    log = tmp_path / "reloads"
    command = ["/bin/sh", "-c", f"echo x >>{log}"]
    copy = {"folder": str(folder), "key_mode": "0640", "certificate": "cert.pem", "key": "key.pem"}
    lab.configure({**files, "deploy": [{"name": "cocalc", "copy": copy, "reload": {"command": command}}]})
    lab.renew()
    lab.renew()
    assert log.read_text() == "x\n"
    assert (folder / "key.pem").stat().st_mode & 0o777 == 0o640
    assert parts.fingerprint_of_file(folder / "cert.pem") == lab.fingerprint("hub")
    # Killed between key and certificate: the copy holds the new key and an old certificate.
    old = parts.make_pair(tmp_path, "older", "DNS:hub.lab.test")[1]
    (folder / "cert.pem").write_bytes(old.read_bytes())
    assert lab.renew()[1]["deployed"] == ["hub: cocalc"]
    assert parts.fingerprint_of_file(folder / "cert.pem") == lab.fingerprint("hub")
    (folder / "key.pem").chmod(0o644)
    lab.renew()
    assert (folder / "key.pem").stat().st_mode & 0o777 == 0o640
    (folder / "key.pem").unlink()
    (folder / "key.pem").mkdir()
    assert lab.renew()[0] == 1
