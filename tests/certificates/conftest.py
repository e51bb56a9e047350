# Copyright (c) 2026, The labserver.jupyter authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The authority and a lab server for the tests in this folder."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

HERE = Path(__file__).resolve().parent
sys.path.insert(0, str(HERE))

import parts  # noqa: E402
from parts import Consumer, Lab  # noqa: E402


@pytest.fixture(scope="session", autouse=True)
def _packages() -> None:
    parts.install_packages()


@pytest.fixture(scope="session")
def program(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return parts.build_program(tmp_path_factory.mktemp("program"))


@pytest.fixture(scope="session")
def pebble(tmp_path_factory: pytest.TempPathFactory) -> Iterator[parts.Pebble]:
    authority = parts.Pebble(tmp_path_factory.mktemp("pebble"))
    authority.start()
    yield authority
    authority.stop()


@pytest.fixture
def lab(tmp_path: Path, program: Path) -> parts.Lab:
    return parts.Lab(tmp_path / "server", program)


@pytest.fixture
def webroot(lab: parts.Lab, pebble: parts.Pebble) -> Iterator[Path]:
    """The folder that the authority finds at port 80."""
    folder = lab.root / "webroot"
    with parts.running(parts.Webroot(pebble.http, folder)):
        yield folder


@pytest.fixture
def files(lab: Lab, tmp_path: Path) -> dict[str, Any]:
    """A certificate that somebody else made."""
    key, certificate = parts.make_pair(tmp_path, "given", "DNS:hub.lab.test", days=90)
    return {
        "name": "hub",
        "names": ["hub.lab.test"],
        "source": "files",
        "files": {"certificate": str(certificate), "key": str(key)},
    }


@pytest.fixture
def consumer(lab: Lab, files: dict[str, Any]) -> Iterator[Consumer]:
    lab.configure(files)
    lab.renew()
    with parts.running(Consumer(lab.root, lab.file("hub"), lab.file("hub", "key.pem"))) as service:
        yield service
