# Copyright (c) 2026, The labserver.jupyter authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Whether what was set up is still in force: the mounts of fstab and their options, and cron's entries of the jobs.

What can be put right without harm is put right, and said.
"""

from __future__ import annotations

import os
import stat
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

from .._common import files, mounts
from .._schedule import due
from .._schedule.files import cron_file, cron_name
from .._schedule.plan import CRON, FILE_MODE, JOBS
from . import disks, signs
from .signs import Verdict

GUARDS = ("nosuid", "nodev", "noexec")
"""Options of a mount that take rights away: they can be added while it is in use."""
NO_FOLDER = frozenset({"swap", "proc", "sysfs", "devpts", "tmpfs", "devtmpfs"})

Said = Callable[..., "str | None"]


@dataclass(frozen=True)
class Planned:
    """A line of fstab that is mounted when the host starts."""

    target: str
    options: frozenset[str]


def planned(fstab: str) -> list[Planned]:
    """Return the local file systems that fstab wants; shares have a watch of their own."""
    found = []
    for line in fstab.splitlines():
        words = line.split()
        if len(words) < 4 or words[0].startswith("#") or not words[1].startswith("/"):
            continue
        options = frozenset(words[3].split(","))
        if words[2] not in disks.REMOTE | NO_FOLDER and not words[2].startswith("fuse") and "noauto" not in options:
            found.append(Planned(os.path.normpath(mounts.unescape(words[1])), options))
    return found


def missing_options(wanted: Sequence[Planned], table: Sequence[mounts.Mount]) -> dict[str, list[str]]:
    """Return mount point -> options of GUARDS that fstab names and that are not in force."""
    top = {mount.target: mount for mount in table}
    return {
        one.target: left
        for one in wanted
        if one.target in top and (left := [name for name in GUARDS if name in one.options - top[one.target].options])
    }


def mounted(root: Path, said: Said, *, mend: bool) -> Verdict:
    """Judge the mounts of fstab; options that only take rights away are put in force again."""

    def table() -> tuple[mounts.Mount, ...]:
        return mounts.parse(_text(root / "proc/self/mountinfo"))

    wanted, now = planned(_text(root / "etc/fstab")), table()
    there = {mount.target for mount in now}
    absent = [one for one in wanted if one.target not in there]
    lacking = missing_options(wanted, now)
    if lacking and mend:
        bound = {one.target for one in wanted if one.options & {"bind", "rbind"}}
        for target, options in lacking.items():
            said("mount", "-o", ",".join(["remount", *(["bind"] if target in bound else []), *options]), target)
        left = missing_options(wanted, table())
    else:
        left = lacking
    return signs.mounted(
        [one.target for one in absent if "nofail" not in one.options],
        [one.target for one in absent if "nofail" in one.options],
        {target: options for target, options in lacking.items() if target not in left},
        left,
    )


def cron_entries(root: Path, *, mend: bool) -> Verdict:
    """Judge cron's entries of the jobs; those that are missing or changed are written again.

    Where other jobs have timers, systemd runs them all: a job without one is told, and cron gets none of them.
    """
    jobs = [job for job, _since in due.jobs(root)]
    timed = {job.name for job in jobs if (root / f"etc/systemd/system/{cron_name(job.name)}.timer").exists()}
    wrong, left = [], []
    for job in jobs:
        path = root / CRON / cron_name(job.name)
        if job.name in timed or _is(path, cron_file(job)):
            continue
        wrong.append(job.name)
        if timed or not mend:
            left.append(job.name)
            continue
        try:
            if (root / JOBS / f"{job.name}.json").exists():  # it may be taken off at this moment
                path.parent.mkdir(mode=0o755, parents=True, exist_ok=True)
                files.replace(path, cron_file(job), FILE_MODE)
        except OSError:
            left.append(job.name)
    return signs.cron_entries(wrong, left)


def _is(path: Path, content: bytes) -> bool:
    """Tell whether a file has this content, and is one that cron reads: root's, and nobody else may write it."""
    try:
        status = path.lstat()
        well = stat.S_ISREG(status.st_mode) and status.st_uid == os.geteuid() and not status.st_mode & 0o022
        return well and path.read_bytes() == content
    except OSError:
        return False


def _text(path: Path) -> str:
    try:
        return path.read_bytes().decode("utf-8", "surrogateescape")
    except OSError:
        return ""
