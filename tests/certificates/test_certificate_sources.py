# Copyright (c) 2026, The labserver.jupyter authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Which certificate is taken from its source, and what is said of the one that is there."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import parts
import pytest
from parts import CA, INTERNAL, Lab


@pytest.mark.parametrize(
    "damage", ["key mismatch", "empty key", "empty certificate", "directory", "other name", "expired"]
)
def test_a_worse_certificate_never_replaces_a_good_one(
    lab: Lab, files: dict[str, Any], tmp_path: Path, damage: str
) -> None:
    lab.configure(files)
    assert lab.renew()[0] == 0
    good = lab.fingerprint("hub")
    other = parts.make_pair(tmp_path, "other", "DNS:other.lab.test", days=200)
    certificate, key = Path(files["files"]["certificate"]), Path(files["files"]["key"])
    words = {
        "key mismatch": "does not belong",
        "empty key": "cannot be read",
        "empty certificate": "holds no certificate",
        "directory": "Is a directory",
        "other name": "not made out to hub.lab.test",
        "expired": "before the present one",
    }[damage]
    if damage == "key mismatch":
        key.write_bytes(other[0].read_bytes())
    elif damage == "empty key":
        key.write_bytes(b"")
    elif damage == "empty certificate":
        certificate.write_bytes(b"")
    elif damage == "directory":
        certificate.unlink()
        certificate.mkdir()
    elif damage == "other name":
        key.write_bytes(other[0].read_bytes())
        certificate.write_bytes(other[1].read_bytes())
    else:
        parts.make_pair(tmp_path, "given", "DNS:hub.lab.test", days=30)
    assert lab.renew()[0] == 1
    assert words in lab.state("hub")["message"]
    assert lab.fingerprint("hub") == good


def test_another_source_may_give_a_certificate_that_ends_earlier(lab: Lab) -> None:
    bought = {**INTERNAL, "name": "bought", "internal_ca": {"days": 365}}
    place = {"certificate": str(lab.file("bought")), "key": str(lab.file("bought", "key.pem"))}
    lab.configure(bought, {**INTERNAL, "source": "files", "files": place}, ca=CA)
    assert lab.renew()[0] == 0
    assert lab.fingerprint("hub") == lab.fingerprint("bought")
    lab.configure(bought, INTERNAL, ca=CA)
    assert lab.renew()[:2][1]["renewed"] == ["hub"]
    assert lab.renew()[1]["changed"] is False


def test_a_name_that_nobody_knows_is_told(lab: Lab) -> None:
    lab.configure(INTERNAL, ca=CA)
    status, _outcome, said = lab.renew("--force", "hbu")
    assert status == 2
    assert "there is no certificate hbu; there are: hub" in said


def test_a_signed_certificate_is_not_replaced_by_a_self_signed_one(lab: Lab) -> None:
    lab.configure(INTERNAL, ca=CA)
    assert lab.renew()[0] == 0
    good = lab.fingerprint("hub")
    lab.configure({**INTERNAL, "source": "self_signed"}, ca=CA)
    lab.renew()
    assert lab.fingerprint("hub") == good
    assert "it is self-signed" in lab.state("hub")["failed"]
    lab.renew("--force", "hub")  # somebody means it
    assert lab.fingerprint("hub") != good


def test_levels_follow_the_lifetime_and_not_a_number_of_days(lab: Lab, files: dict[str, Any]) -> None:
    lab.configure(files)
    assert lab.renew()[0] == 0
    # A certificate made elsewhere cannot be renewed here, so somebody has to hear of it in time.
    assert [lab.renew(shift=f"+{day}d")[0] for day in (66, 69, 80, 82, 91)] == [0, 1, 1, 2, 2]
