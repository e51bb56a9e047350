# Copyright (c) 2026, The labserver.jupyter authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What newer authorities and clients agree on: ARI (RFC 9773) and profiles, with a real pebble and a real certbot."""

from __future__ import annotations

import subprocess
from collections.abc import Iterator
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import parts
import pytest
from parts import Lab, Pebble


@pytest.fixture(scope="module")
def newer() -> tuple[Path, Path]:
    return parts.newer_acme()


@pytest.fixture(scope="module")
def authority(newer: tuple[Path, Path], tmp_path_factory: pytest.TempPathFactory) -> Iterator[Pebble]:
    profiles = {"classic": 90, "shortlived": 160 / 24}
    pebble = Pebble(tmp_path_factory.mktemp("newer-pebble"), program=str(newer[0]), profiles=profiles)
    pebble.start()
    yield pebble
    pebble.stop()


@pytest.fixture
def entry(authority: Pebble, newer: tuple[Path, Path], lab: Lab) -> Iterator[dict[str, Any]]:
    """A certificate through the webroot, by the newer client."""
    acme = {"server": authority.url, "ca_bundle": str(authority.ca), "webroot": str(lab.root / "webroot")}
    acme |= {"program": str(newer[1]), "profile": "classic"}
    with parts.running(parts.Webroot(authority.http, lab.root / "webroot")):
        yield {"name": "hub", "names": ["hub.lab.test"], "source": "acme", "acme": acme}


def test_the_authority_may_ask_for_an_early_renewal(lab: Lab, authority: Pebble, entry: dict[str, Any]) -> None:
    lab.configure(entry)
    status, outcome, said = lab.renew()
    assert (status, outcome["renewed"]) == (0, ["hub"]), said
    first = lab.fingerprint("hub")
    assert lab.renew()[1]["changed"] is False
    authority.wants_renewal(lab.file("hub"))
    assert lab.renew()[1]["changed"] is False  # the authority said how long it need not be asked: six hours
    status, outcome, said = lab.renew(shift="+12h")
    assert (status, outcome["renewed"]) == (0, ["hub"]), said
    assert lab.fingerprint("hub") != first


def test_a_short_lived_profile_is_renewed_at_half_of_its_life(lab: Lab, entry: dict[str, Any]) -> None:
    entry["acme"]["profile"] = "shortlived"
    lab.configure(entry)
    status, outcome, said = lab.renew()
    assert (status, outcome["renewed"]) == (0, ["hub"]), said
    argv = ["openssl", "x509", "-in", str(lab.file("hub")), "-noout", "-startdate", "-enddate"]
    text = subprocess.check_output(argv, text=True, env={"LC_ALL": "C", "PATH": parts.PATH})
    start, end = (datetime.strptime(line.partition("=")[2], "%b %d %H:%M:%S %Y GMT") for line in text.splitlines())
    assert abs(end - start - timedelta(hours=160)) < timedelta(minutes=1)
    assert lab.renew(shift="+70h")[1]["changed"] is False
    status, outcome, said = lab.renew(shift="+81h")
    assert (status, outcome["renewed"]) == (0, ["hub"]), said
