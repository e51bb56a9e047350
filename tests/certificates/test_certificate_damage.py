# Copyright (c) 2026, The labserver.jupyter authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Full disks, kills and damaged files: the good certificate stays, and the others go on."""

from __future__ import annotations

import subprocess
import time
from typing import Any

from parts import CA, INTERNAL, Lab


def test_a_damaged_state_or_store_is_made_anew(lab: Lab) -> None:
    lab.configure(INTERNAL, ca=CA)
    lab.renew()
    first = lab.fingerprint("hub")
    state = lab.root / "var/lib/labserver/certificates.json"
    state.write_bytes(state.read_bytes()[:100])
    assert lab.renew()[:2][1]["renewed"] == []
    assert lab.fingerprint("hub") == first
    lab.file("hub", "key.pem").write_bytes(b"")
    status, outcome, _said = lab.renew()
    assert (status, outcome["renewed"]) == (0, ["hub"])
    # A backup that follows symlinks was restored: a plain folder where the symlink was.
    link = lab.root / "etc/labserver/tls/hub"
    subprocess.run(f"cp -rL {link} {link}.copy && rm {link} && mv {link}.copy {link}", shell=True, check=True)
    assert lab.renew()[1]["renewed"] == []
    assert lab.renew("--force", "hub")[1]["renewed"] == ["hub"]
    assert link.is_symlink()


def test_a_full_disk_leaves_the_good_certificate(lab: Lab) -> None:
    folder = lab.root / "etc/labserver"
    folder.mkdir(parents=True)
    subprocess.run(["mount", "-t", "tmpfs", "-o", "size=256k", "tmpfs", folder], check=True)
    try:
        lab.configure(INTERNAL, ca=CA)
        assert lab.renew()[0] == 0
        good = lab.fingerprint("hub")
        subprocess.run(["dd", "if=/dev/zero", f"of={folder}/full", "bs=1k"], check=False, capture_output=True)
        assert lab.renew(shift="+61d")[0] == 0
        assert lab.renew(shift="+62d")[0] == 1
        assert "No space left" in lab.state("hub")["message"]
        assert lab.fingerprint("hub") == good
        assert lab.file("hub", "key.pem").stat().st_size > 100
        (folder / "full").unlink()
        assert lab.renew(shift="+63d")[1]["renewed"] == ["hub"]
    finally:
        subprocess.run(["umount", folder], check=True)


def test_two_runs_at_once(lab: Lab, files: dict[str, Any]) -> None:
    lab.configure({**files, "deploy": [{"name": "slow", "reload": {"command": ["/bin/sleep", "3"]}}]})
    first = subprocess.Popen(lab.command("renew"), stdout=subprocess.DEVNULL)
    time.sleep(1.5)
    assert lab.renew()[0] == 3
    assert first.wait() == 0


def test_killed_at_any_moment_key_and_certificate_belong_together(lab: Lab) -> None:
    lab.configure({**INTERNAL, "renew_fraction": 0.99999}, ca=CA)
    lab.renew()
    seen = set()
    for number in range(12):
        run = subprocess.Popen(
            lab.command("renew", "--force", "hub"), stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL
        )
        time.sleep(0.12 + number * 0.03)
        run.kill()
        run.wait()
        key = subprocess.check_output(["openssl", "pkey", "-in", lab.file("hub", "key.pem"), "-pubout"])
        assert key == subprocess.check_output(["openssl", "x509", "-in", lab.file("hub"), "-noout", "-pubkey"])
        seen.add(key)
    assert lab.renew()[0] == 0


def test_one_damaged_certificate_does_not_stop_the_others(lab: Lab, files: dict[str, Any]) -> None:
    lab.configure({**files, "files": {"certificate": "/nowhere", "key": "/nowhere"}, "name": "a"}, INTERNAL, ca=CA)
    status, outcome, _said = lab.renew()
    assert status == 1
    assert sorted(outcome["renewed"]) == ["a", "hub"]
    assert lab.state("a")["placeholder"] is True
    assert lab.state("hub")["level"] == "ok"


def test_a_damaged_consumer_file_is_left_out_and_told(lab: Lab, files: dict[str, Any]) -> None:
    lab.configure(files)
    folder = lab.root / "etc/labserver/certificates.d"
    folder.mkdir(parents=True)
    (folder / "bad.json").write_text("{")
    status, outcome, _said = lab.renew()
    assert status == 1
    assert "bad.json" in outcome["problems"][0]
    (folder / "bad.json").write_text('{"version": 1, "targets": [{"certificate": "hub"}]}')  # without a name
    status, outcome, _said = lab.renew()
    assert status == 1
    assert "bad.json" in outcome["problems"][0]


def test_without_a_configuration_it_says_so(lab: Lab) -> None:
    status, _outcome, said = lab.renew()
    assert status == 2
    assert "certificates.json" in said
