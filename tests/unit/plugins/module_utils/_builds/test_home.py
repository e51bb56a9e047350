# Copyright (c) 2026, The labserver.jupyter authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A person's file, read with that person's rights, whatever they put in its place."""

from __future__ import annotations

import os
import tempfile
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest
from ansible_collections.labserver.jupyter.plugins.module_utils._builds import home

UID = GID = 54321
ID = "0123456789ab"

pytestmark = pytest.mark.skipif(os.geteuid() != 0, reason="acts as another account, which root alone can")


@pytest.fixture
def lab() -> Iterator[Path]:
    """Return a folder that other accounts may enter; whichever pytest starts closes pytest's own to them."""
    with tempfile.TemporaryDirectory(prefix="labserver-builds-") as name:
        Path(name).chmod(0o755)
        yield Path(name)


@pytest.fixture
def place(lab: Path) -> Iterator[Path]:
    """Return the path of the archive in a home of another account."""
    folder = lab / "home" / home.FOLDER
    folder.mkdir(parents=True)
    for path in (lab / "home", lab / "home/.cache", folder):
        os.chown(path, UID, GID)
    (lab / "home").chmod(0o700)
    yield folder / f"{ID}.tar"
    assert (os.geteuid(), os.getegid()) == (0, 0), "root is root again"


def put(path: Path, content: bytes = b"content", owner: int = UID) -> None:
    path.write_bytes(content)
    os.chown(path, owner, owner)


def read(path: Path) -> bytes:
    with home.archive(str(path.parents[2]), ID, UID, GID) as file:
        return file.read()


def test_the_archive_is_read_and_removed(place: Path) -> None:
    groups = os.getgroups()
    put(place)
    assert read(place) == b"content"
    home.forget(str(place.parents[2]), ID, UID, GID)
    assert not place.exists() and os.getgroups() == groups
    with pytest.raises(home.HomeError, match="is gone"):
        read(place)
    home.forget(str(place.parents[2]), ID, UID, GID)


def test_a_link_is_not_followed_and_a_file_of_root_not_read(place: Path, lab: Path) -> None:
    secret = lab / "secret"
    put(secret, b"of root", 0)
    secret.chmod(0o600)
    place.symlink_to(secret)
    with pytest.raises(home.HomeError, match="cannot be opened"):
        read(place)
    place.unlink()
    os.link(secret, place)
    with pytest.raises(home.HomeError, match="may not be read by its owner"):
        read(place)
    secret.chmod(0o644)
    with pytest.raises(home.HomeError, match="something else"):
        read(place)


def test_a_folder_that_became_a_link_leads_to_nothing_that_its_owner_may_not_read(place: Path, lab: Path) -> None:
    elsewhere = lab / "elsewhere"
    elsewhere.mkdir(mode=0o700)
    put(elsewhere / f"{ID}.tar", b"of root", 0)
    place.parent.rmdir()
    place.parent.symlink_to(elsewhere)
    with pytest.raises(home.HomeError, match="may not be read"):
        read(place)
    home.forget(str(place.parents[2]), ID, UID, GID)
    assert (elsewhere / f"{ID}.tar").exists()


def test_a_pipe_and_a_folder_in_its_place_hold_nobody_up(place: Path) -> None:
    for make in (os.mkfifo, os.mkdir):
        make(place)
        os.chown(place, UID, GID)
        with pytest.raises(home.HomeError):
            done = threading.Timer(20, os._exit, (1,))
            done.start()
            try:
                read(place)
            finally:
                done.cancel()
        (os.unlink if make is os.mkfifo else os.rmdir)(place)


def test_what_happens_inside_leaves_root_as_it_was(place: Path) -> None:
    with pytest.raises(RuntimeError), home.acting_as(UID, GID):
        assert (os.geteuid(), os.getegid(), os.getgroups()) == (UID, GID, [])
        raise RuntimeError
    assert place.parent.exists()
