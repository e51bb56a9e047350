# Copyright (c) 2026, The labserver.jupyter authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Which files of a host the roles manage, and how each is: the one list, for the record of a run and the look after it.

A file that programs of the lab server write between two runs is none of them: it says nothing of what a person did.
``tests/project/test_managed_files.py`` holds that whatever the roles and their cores write stands here, on one side or
the other.
"""

from __future__ import annotations

import hmac
import json
import os
import stat
from collections.abc import Iterator
from dataclasses import dataclass
from fnmatch import fnmatchcase
from pathlib import Path

from .._common import mounts

OWN = "etc/labserver"
"""All below is the lab server's: a file that is new there is told too."""
OWN_PATTERNS = (
    "etc/apt/apt.conf.d/*labserver*",
    "etc/apt/preferences.d/labserver*",
    "etc/apt/sources.list.d/labserver*",
    "etc/cron.d/labserver-*",
    "etc/needrestart/conf.d/labserver*",
    "etc/nginx/conf.d/labserver*",
    "etc/nginx/sites-enabled/default",  # the role proxy removes it
    "etc/systemd/system/certbot.timer",
    "etc/systemd/system/labserver-*",
    "etc/systemd/system/*/labserver*",  # what adds to units of others, and what starts at boot
    "usr/local/sbin/labserver",
    "usr/share/bash-completion/completions/labserver",
)
SHARED_PATTERNS = (
    "etc/docker/certs.d/*/labserver-ca.crt",
    "etc/docker/daemon.json",
    "etc/nginx/nginx.conf",
    "usr/local/share/ca-certificates/*.crt",
)
"""Others put files there as well, so only what was there after the run is compared."""
COMPOSE = f"{OWN}/compose"
COMPOSE_FILES = ".labserver.json"
"""Of each app: names the files that the role wrote; its containers may write others beside them."""
FSTAB = "etc/fstab"
FSTAB_NAME = "etc/fstab (shares)"
"""Stands for the lines of the shares: all others are not the lab server's."""
SHARES = f"{OWN}/public/shares.json"
REWRITTEN = {
    f"{OWN}/accounts": "the job accounts-expire writes who left",
    f"{OWN}/backup/repository-id": "the first backup notes which repository it is",
    f"{OWN}/ca": "the job renew renews the issuer",
    f"{OWN}/hub/password-store.json": "each password that is set counts there",
    f"{OWN}/hub/status.json": "the job status-page writes it",
    f"{OWN}/hub/usage.json": "the job usage writes it",
    f"{OWN}/osv": "whoever looks after the server puts the list of known holes there",
    f"{OWN}/public/ca-bundle.crt": "the job renew and updates of the system write it",
    f"{OWN}/public/fullness.json": "the job hub-watch writes and removes it",
    f"{OWN}/public/group": "the job accounts-expire writes who left",
    f"{OWN}/public/maintenance.json": "a change of the hub writes and removes it",
    f"{OWN}/public/passwd": "the job accounts-expire writes who left",
    f"{OWN}/public/reboot.json": "the job updates writes and removes it",
    f"{OWN}/public/retirement.json": "playbooks/retire.yml writes it",
    f"{OWN}/public/roster.json": "the job accounts-expire writes who left",
    f"{OWN}/public/shares-status.json": "the job share-health writes it",
    f"{OWN}/registry/in-use.d": "playbooks/prune.yml writes what other servers use",
    f"{OWN}/sandbox": "playbooks/sandbox.yml writes it, not site.yml",
    f"{OWN}/tls": "the job renew renews certificates",
}
"""Below OWN, files and folders that are left out, and who writes them between two runs."""
PIECE = 1 << 20


@dataclass(frozen=True)
class File:
    """A file, folder or symbolic link: a digest of its content (empty for a folder), its mode and its numeric owner."""

    digest: str
    mode: int
    uid: int
    gid: int


def is_own(path: str) -> bool:
    """Tell whether nobody but the roles puts a file at this path (relative to the root), so that a new one is told."""
    if path.startswith(f"{OWN}/"):
        return not path.startswith(f"{COMPOSE}/")
    return any(fnmatchcase(path, pattern) for pattern in OWN_PATTERNS)


def look(root: Path, key: bytes) -> dict[str, File]:
    """Return the files that the roles manage, by their paths relative to the root. Raises OSError.

    The digests are made with ``key``, which is this host's alone: who gets hold of them cannot try out passwords.
    """
    found = {}
    for path in sorted({*_own(root), *_compose(root), *_matching(root)}):
        try:
            found[path] = describe(root / path, key)
        except FileNotFoundError:
            continue  # it has just gone
    if lines := share_lines(root):
        found[FSTAB_NAME] = File(_digest(key, "\n".join(lines).encode("utf-8", "surrogateescape")), 0, 0, 0)
    return found


def describe(path: Path, key: bytes) -> File:
    """Return how a file is; a symbolic link is not followed. Raises OSError."""
    status = path.lstat()
    digest = ""
    if stat.S_ISLNK(status.st_mode):
        digest = _digest(key, os.fsencode(path.readlink()))
    elif stat.S_ISREG(status.st_mode):
        made = hmac.new(key, digestmod="sha256")
        with path.open("rb") as file:
            while piece := file.read(PIECE):
                made.update(piece)
        digest = made.hexdigest()
    return File(digest, stat.S_IMODE(status.st_mode), status.st_uid, status.st_gid)


def share_lines(root: Path) -> list[str]:
    """Return the lines of fstab that mount the shares of the inventory, sorted: their order means nothing."""
    try:
        wanted = json.loads((root / SHARES).read_bytes())["shares"].values()
        points = {os.path.normpath(one["mount_point"]) for one in wanted}
        text = (root / FSTAB).read_text("utf-8", "surrogateescape")
    except (OSError, ValueError, KeyError, TypeError, AttributeError):
        return []
    lines = [line.split() for line in text.splitlines()]
    return sorted(
        " ".join(line)
        for line in lines
        if len(line) > 1 and not line[0].startswith("#") and os.path.normpath(mounts.unescape(line[1])) in points
    )


def _digest(key: bytes, content: bytes) -> str:
    return hmac.new(key, content, "sha256").hexdigest()


def _refuse(error: OSError) -> None:
    if not isinstance(error, FileNotFoundError):
        raise error  # a folder that cannot be read is not one whose files are gone


def _own(root: Path) -> Iterator[str]:
    left_out = {*REWRITTEN, COMPOSE}
    for folder, folders, files in os.walk(root / OWN, onerror=_refuse):
        place = Path(folder).relative_to(root)
        yield str(place)
        folders[:] = [name for name in folders if f"{place}/{name}" not in left_out]
        links = [name for name in folders if (Path(folder) / name).is_symlink()]  # to folders: walk() goes into none
        for name in (*files, *links):
            # Files that are being written begin with a dot, copies that editors and modules keep end with "~".
            if f"{place}/{name}" not in left_out and not name.startswith(".") and not name.endswith("~"):
                yield f"{place}/{name}"


def _compose(root: Path) -> Iterator[str]:
    for written in (root / COMPOSE).glob(f"*/{COMPOSE_FILES}"):
        folder = written.parent.relative_to(root)
        try:
            names = json.loads(written.read_bytes())["files"]
        except (OSError, ValueError, KeyError, TypeError):
            names = []
        yield from (f"{folder}/{name}" for name in (COMPOSE_FILES, *names) if os.path.lexists(root / folder / name))


def _matching(root: Path) -> Iterator[str]:
    for pattern in (*OWN_PATTERNS, *SHARED_PATTERNS):
        yield from (str(path.relative_to(root)) for path in root.glob(pattern))
