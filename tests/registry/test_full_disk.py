# Copyright (c) 2026, The labserver.jupyter authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A disk that is full, or fills up: pruning makes room, and nothing is lost."""

from __future__ import annotations

import contextlib
import errno
import functools
import os
import signal
import subprocess
import tempfile
from collections.abc import Iterator
from pathlib import Path

import images
import pytest
from ansible_collections.labserver.jupyter.plugins.module_utils._registry import pause
from ansible_collections.labserver.jupyter.plugins.module_utils._registry.cache import Cache
from ansible_collections.labserver.jupyter.plugins.module_utils._registry.client import RegistryClient
from ansible_collections.labserver.jupyter.plugins.module_utils._registry.maintenance import (
    World,
    converge,
)
from ansible_collections.labserver.jupyter.plugins.module_utils._registry.store import Store
from ansible_collections.labserver.jupyter.plugins.module_utils._registry.wanted import Desired
from maintenance_parts import PRUNE, REPO, fill, work
from registry_server import RegistryServer


def test_a_disk_without_room_for_the_trash_is_pruned(server: RegistryServer, monkeypatch: pytest.MonkeyPatch) -> None:
    registry = fill(server)
    (server.store / ".trash.killed/7").mkdir(parents=True)

    def full(**_options: object) -> str:
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(tempfile, "mkdtemp", full)
    assert work(server, PRUNE).broken == []
    assert registry.tags(REPO) == ["b4", "b5"]
    assert list(server.store.glob(".trash*")) == []


@pytest.fixture
def small_disk(tmp_path: Path) -> Iterator[Path]:
    """A file system of its own for a store, its locks and the log."""
    if os.geteuid() != 0:
        pytest.skip("needs root to mount a small file system")
    disk = tmp_path / "disk"
    disk.mkdir()
    subprocess.run(["mount", "-t", "tmpfs", "-o", "size=2m", "tmpfs", disk], check=True)
    yield disk
    subprocess.run(["umount", "--lazy", disk], check=True)


def fill_up(disk: Path) -> None:
    """Leave not one byte and not one inode."""
    with contextlib.suppress(OSError), (disk / "filler").open("wb", buffering=0) as stream:
        while True:
            stream.write(bytes(4096))
    found = os.statvfs(disk)
    inodes = f"remount,nr_inodes={found.f_files - found.f_ffree}"
    subprocess.run(["mount", "-o", inodes, disk], check=True)
    with pytest.raises(OSError, match="No space left"):
        (disk / "one-more").mkdir()


def test_a_full_disk_is_pruned_and_takes_pushes_again(small_disk: Path) -> None:
    with RegistryServer(small_disk) as server:
        registry = fill(server)
        fill_up(small_disk)
        late = images.image("late", layers=("late",))
        with pytest.raises(AssertionError):
            registry.push(REPO, late, "late")
        assert server.process is not None
        stop = functools.partial(os.kill, server.process.pid, signal.SIGUSR1)
        with RegistryClient(server.url) as client:
            rest = functools.partial(pause.supervised, server.locks, stop)
            report = converge(World(Store(server.store), Cache(small_disk / "cache"), client, rest), PRUNE)
        assert report.broken == [] and report.freed > 0
        assert registry.tags(REPO) == ["b4", "b5"]
        assert list(server.store.glob(".trash*")) == []
        registry.push(REPO, late, "late")
        assert registry.pull(REPO, "late") == late.everything()


def test_a_disk_that_fills_up_in_the_middle_stops_nothing(small_disk: Path) -> None:
    """Full between removing and collecting: the collector here needs no room, and another one may fail as it likes."""
    with RegistryServer(small_disk) as server:
        registry = fill(server)

        def collector() -> None:
            fill_up(small_disk)
            (small_disk / "index-of-the-collector").write_bytes(b"x")

        with pytest.raises(OSError, match="No space left"):
            work(server, Desired(PRUNE.policies, limits=PRUNE.limits, collector=collector))
        assert server.answers()
        assert registry.tags(REPO) == ["b4", "b5"]
        for tag in ("b4", "b5"):
            registry.pull(REPO, tag)
        assert list(server.store.glob(".trash*")) == []
