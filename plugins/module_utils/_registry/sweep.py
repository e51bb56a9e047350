# Copyright (c) 2026, The labserver.jupyter authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Carries a plan out on the store and collects garbage. The registry must not run meanwhile.

Everything that goes is first moved aside by one rename, which happens or does not; the files themselves are removed
later, when the registry runs again. So a job that is killed at any moment leaves nothing half removed.
"""

from __future__ import annotations

import contextlib
import errno
import itertools
import os
import shutil
import tempfile
from collections.abc import Iterable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path

from .facts import Repository
from .model import Plan
from .store import Store

TRASH = ".trash."
FULL = (errno.ENOSPC, errno.EDQUOT)
# Removing a folder waits for the journal of the file system far longer than it computes: several wait at the same time.
THREADS = 8


@dataclass(frozen=True, slots=True)
class Garbage:
    """Blobs that nothing refers to: digest -> size in bytes. ``young``: how many more were too young to be taken."""

    blobs: dict[str, int]
    young: int

    @property
    def size(self) -> int:
        """Bytes that come free."""
        return sum(self.blobs.values())


class Sweeper:
    """Moves parts of a store into its trash, and empties that."""

    def __init__(self, store: Store) -> None:
        self.store = store
        self.trash: Path | None = None
        self._numbers = itertools.count()

    def left(self) -> list[Path]:
        """Return the trash that other runs left, or still fill."""
        return list(self.store.root.glob(f"{TRASH}*"))

    def prepare(self) -> None:
        """Make a trash of our own, and throw in what a killed run left.

        Only whoever holds the registry may do so: a trash that another run still fills would be taken from it.
        """
        left = self.left()
        try:
            self.trash = Path(tempfile.mkdtemp(prefix=TRASH, dir=self.store.root))
        except OSError as error:
            if error.errno not in FULL:
                raise
        for folder in left:
            with contextlib.suppress(FileNotFoundError):  # emptied just now by the run before
                self._discard(folder)

    def empty(self) -> None:
        """Remove what was moved aside; may be done while the registry runs."""
        if self.trash is None:
            return
        names = os.listdir(self.trash)  # noqa: PTH208

        def remove(part: int) -> None:
            for name in names[part::THREADS]:
                shutil.rmtree(f"{self.trash}/{name}", ignore_errors=True)

        with ThreadPoolExecutor(THREADS) as pool:
            pool.map(remove, range(THREADS))
        shutil.rmtree(self.trash, ignore_errors=True)

    def remove(self, plan: Plan) -> int:
        """Remove the plan's tags, then its manifests; return how many tags and manifests went."""
        if plan.refusals:
            raise ValueError("; ".join(plan.refusals))
        count = 0
        for item in plan.repositories:
            folder = self.store.manifests_folder(item.name)
            for tag, _digest in item.remove_tags:
                count += self._discard(f"{folder}/tags/{tag}")
            for digest in item.doomed:
                algorithm, _colon, value = digest.partition(":")
                count += self._discard(f"{folder}/revisions/{algorithm}/{value}")
        return count

    def collect(self, garbage: Garbage, repositories: Iterable[str]) -> None:
        """Remove the blobs, and the repositories' links to them."""
        for digest in garbage.blobs:
            self._discard(self.store.blob_folder(digest))
        for name in repositories:
            layers = self.store.repositories / name / "_layers"
            for algorithm in ("sha256", "sha512"):
                try:
                    links = os.listdir(layers / algorithm)  # noqa: PTH208
                except FileNotFoundError:
                    continue
                for value in links:
                    if f"{algorithm}:{value}" in garbage.blobs:
                        self._discard(f"{layers}/{algorithm}/{value}")

    def _discard(self, path: str | Path) -> int:
        try:
            if self.trash is None:  # on a full disk there may be no room for it, nor for an entry in it
                shutil.rmtree(path)
            else:
                os.rename(path, f"{self.trash}/{next(self._numbers)}")  # noqa: PTH104  (thousands of these)
        except FileNotFoundError:
            return 0  # done by an earlier run
        except OSError as error:
            if error.errno not in FULL:
                raise
            shutil.rmtree(path)
        return 1


def find_garbage(
    store: Store, repositories: Iterable[Repository], doomed: set[tuple[str, str]], before: float
) -> Garbage:
    """Return the blobs that no revision needs when the ``doomed`` ones (repository, digest) are gone.

    Blobs written after ``before`` (seconds since the epoch) are left alone: a push uploads them before the manifest
    that refers to them. What a manifest needs that cannot be read is unknown: all that its repository holds stays.
    """
    needed: set[str] = set()
    for repository in repositories:
        for digest in repository.revisions or {}:
            if (repository.name, digest) in doomed:
                continue
            manifest = repository.manifests.get(digest)
            if manifest is None:
                if not Path(store.blob_folder(digest), "data").exists():
                    continue  # the manifest itself is lost, and with it the use of its layers
                needed.add(digest)
                needed.update(store.linked(repository.name))
                continue
            needed.add(digest)
            needed.update(blob.digest for blob in manifest.blobs)
            needed.update(child.digest for child in manifest.children)
    blobs: dict[str, int] = {}
    young = 0
    for digest, size, changed in store.all_blobs():
        if digest in needed:
            continue
        if changed > before:
            young += 1
        else:
            blobs[digest] = size
    return Garbage(blobs, young)
