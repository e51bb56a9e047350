# Copyright (c) 2026, The labserver.jupyter authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""What the signs of a host mean: each a level, and a sentence with what it is, what follows and what to do. All pure.

Each function takes what was read and returns level and message; the message of what is well is short.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from .._common import sizes
from .._common.mounts import Mount
from .._common.words import clean
from .trend import LOOK_BACK_DAYS, Forecast, count

Verdict = tuple[str, str]
OK = "ok"
DAY = 86400.0
KERNEL_SECONDS = DAY
"""So long a message of the kernel is told."""
RESTART_SECONDS = 7 * DAY
"""Updates that want a restart may wait so long before that is told."""
PRESSURE_WARNING, PRESSURE_CRITICAL = 10.0, 40.0
"""Percent of five minutes in which everything waited for memory."""
GROWTH_WARNING, GROWTH_CRITICAL = float(LOOK_BACK_DAYS), 2.0
"""Days until a disk is full: nobody looks farther ahead than back."""
HOME_DAYS = 7.0
"""Days until somebody's quota is full: people fill and clear their homes in less time than a disk fills up."""
MOST_NAMED = 5
DISK_ERRORS = re.compile(
    r"(Buffer )?I/O error|blk_update_request: .*error|critical (medium|target) error|EXT4-fs error|"
    r"EXT4-fs \S+: [Rr]emounting filesystem read-only|XFS .*(orruption|metadata I/O error)|BTRFS (error|critical)|"
    r"ata[0-9.]+: (failed command|exception)|nvme.*(timeout, (aborting|reset)|controller is down)|"
    r"md/raid.*Disk failure|DMAR.*fault|Machine check|\[Hardware Error\]"
)
NETWORK_ERRORS = re.compile(r"NETDEV WATCHDOG|transmit queue \d+ timed out|Detected Tx Unit Hang")
OUT_OF_MEMORY = re.compile(r"Out of memory: Killed process \d+ \((?P<name>.*?)\)")
"""Of the whole host; a server that reaches its own limit is ``Memory cgroup out of memory``, and not told."""


@dataclass(frozen=True)
class Line:
    """A message of the kernel, and how many seconds ago it was written."""

    age: float
    text: str


def writable(mounted: Iterable[Mount], planned_read_only: Iterable[str]) -> Verdict:
    """Judge the file systems that the lab server writes to; ``planned_read_only``: mount points that fstab wants so."""
    wanted = set(planned_read_only)
    bad = sorted({one.target for one in mounted if one.read_only and one.target not in wanted})
    if not bad:
        return OK, "all file systems can be written to"
    return "critical", (
        f"{_named(bad)} can only be read, as the kernel does after an error of the disk: nothing can be saved there;"
        " look at dmesg, save what matters, check the file system and the disk"
    )


def kernel(lines: Iterable[Line]) -> Verdict:
    """Judge what the kernel wrote in the last day."""
    recent = [one for one in lines if one.age <= KERNEL_SECONDS]
    disks = [one for one in recent if DISK_ERRORS.search(one.text)]
    network = [one for one in recent if NETWORK_ERRORS.search(one.text)]
    killed = [found["name"] for one in recent if (found := OUT_OF_MEMORY.search(one.text))]
    said = []
    if disks:
        said.append(f"{len(disks)} errors of disks or hardware in a day, the last: {clean(disks[-1].text, 160)}")
    if killed:
        said.append(
            f"the host ran out of memory and ended {_named(sorted(set(killed)))} ({len(killed)} in a day); raise"
            " hub_reserve_memory, or limit what else runs here"
        )
    if network:
        said.append(f"{len(network)} errors of the network in a day, the last: {clean(network[-1].text, 160)}")
    if not said:
        return OK, "the kernel tells of no errors"
    return "critical" if disks else "warning", "; ".join(said)


def memory(pressure: str) -> Verdict:
    """Judge ``/proc/pressure/memory``."""
    found = re.search(r"^full .*\bavg300=([0-9.]+)", pressure, re.MULTILINE)
    part = float(found[1]) if found else 0.0
    if part < PRESSURE_WARNING:
        return OK, "there is memory"
    level = "critical" if part >= PRESSURE_CRITICAL else "warning"
    return (
        level,
        f"{part:.0f} % of the last five minutes everything waited for memory; stop what needs much (docker stats)",
    )


def units(listed: str) -> Verdict:
    """Judge what ``systemctl list-units --state=failed --plain --no-legend`` lists."""
    names = [line.split()[0] for line in listed.splitlines() if line.split()]
    if not names:
        return OK, "no unit of systemd has failed"
    return "warning", f"failed: {_named(names)}; systemctl status {clean(names[0], 80)} says why"


def restart(age: float | None, packages: Sequence[str], planned: str = "") -> Verdict:
    """Judge whether a restart is due, ``age`` seconds since an update asked for it (None: none did).

    ``planned``: when people were told that it happens by itself.
    """
    if planned:
        return OK, f"the host is restarted at {planned}, as people were told"
    if age is None or age < RESTART_SECONDS:
        return OK, "no restart is overdue"
    names = f" ({_named(sorted(set(packages)))})" if packages else ""
    return (
        "warning",
        f"an update{names} has waited for a restart of the host for {age / DAY:.0f} days; tell people, restart it",
    )


def clock(synchronized: str, uptime: float) -> Verdict:
    """Judge what ``timedatectl show --property=NTPSynchronized --value`` says."""
    if synchronized.strip() != "no" or uptime < 3600:
        return OK, "the clock is set by a time server"
    return "warning", (
        "nothing sets the clock of this host, so certificates and logins will fail as it drifts; install"
        " systemd-timesyncd or chrony, and let it reach a time server"
    )


def raid(mdstat: str) -> Verdict:
    """Judge ``/proc/mdstat``."""
    bad = []
    for name, body in re.findall(r"^(md\S+) : (.*?)(?=^\S|\Z)", mdstat, re.MULTILINE | re.DOTALL):
        if re.search(r"\[[U_]*_[U_]*\]", body) or "(F)" in body:
            bad.append(name)
    if not bad:
        return OK, "no array of disks lacks one"
    return "critical", f"{_named(bad)} lacks a disk: another failure loses data; mdadm --detail /dev/{bad[0]} names it"


def secrets(opened: Mapping[str, int]) -> Verdict:
    """Judge files with secrets that everybody could read (path -> mode as it was); they are closed by now."""
    if not opened:
        return OK, "secrets can be read by those alone whom they concern"
    return "warning", (
        f"everybody on the host could read {_named(sorted(opened))}; that is mended, but what was in there has to be"
        " changed: somebody may have read it"
    )


def growth(target: str, forecast: Forecast | None, free: int) -> Verdict:
    """Judge a disk by when it is full (None: it does not grow) and the bytes that are free."""
    if forecast is None or forecast.days > GROWTH_WARNING:
        return OK, f"{target} does not fill up soon"
    return "critical" if forecast.days <= GROWTH_CRITICAL else "warning", (
        f"{target} is {forecast} ({sizes.text(free)} left); docs/howto/disk-full.md says what usually takes the room"
    )


def homes(rows: Iterable[Mapping[str, Any]]) -> Verdict:
    """Judge people's homes by when their quotas are full (``person`` and ``days_left``, None: it does not grow)."""
    soon = sorted((row["days_left"], row["person"]) for row in rows if row["days_left"] is not None)
    named = [f"{person} in {count(days)}" for days, person in soon if days <= HOME_DAYS]
    if not named:
        return OK, "no quota of a home is full soon"
    return "warning", (
        f"quotas of homes are full at the growth of the last days: {_named(named)}; tell them before they cannot save,"
        " or raise their quota"
    )


def mounted(
    absent: Sequence[str], spared: Sequence[str], mended: Mapping[str, Sequence[str]], left: Mapping[str, Sequence[str]]
) -> Verdict:
    """Judge what fstab wants: ``absent`` are not mounted, ``spared`` neither, but with ``nofail``.

    ``mended`` are options that were not in force and are now, ``left`` those that still are not.
    """
    said = []
    lacking = [*absent, *spared]
    if lacking:
        said.append(
            f"{_named(lacking)} is in /etc/fstab and not mounted, so what is written there lands on another"
            " disk; see what lies there, then mount it"
        )
    for found, end in ((mended, "that is put right; find out who mounted it otherwise"), (left, "mount it anew")):
        if found:
            names = [f"{target} ({','.join(options)})" for target, options in found.items()]
            said.append(f"options of /etc/fstab were not in force on {_named(names)}; {end}")
    if not said:
        return OK, "what /etc/fstab names is mounted as it says"
    return "critical" if absent else "warning", "; ".join(said)


def cron_entries(wrong: Sequence[str], left: Sequence[str]) -> Verdict:
    """Judge cron's entries of the jobs: those that were missing or changed, and those of them that still are."""
    if not wrong:
        return OK, "cron has the entries of all jobs"
    if left:
        return "warning", f"cron's entries of {_named(left)} are missing or changed; run playbooks/site.yml"
    return "warning", f"cron's entries of {_named(wrong)} were missing or changed; they are written again"


def ports(found: Sequence[tuple[int, str, int]]) -> Verdict:
    """Judge what listens where others can reach it and nobody named: port, program and uid (-1: a container)."""
    if not found:
        return OK, "only what is named can be reached from outside"
    said = [f"{port} ({program}{f' of uid {uid}' if uid > 0 else ''})" for port, program, uid in found]
    return "warning", (
        f"TCP ports that nobody named can be reached from outside: {_named(said)}; end the program, let it listen on"
        " 127.0.0.1, or name the port in schedule_ports"
    )


def _named(names: Sequence[str]) -> str:
    shown = ", ".join(clean(name, 80) for name in names[:MOST_NAMED])
    return f"{shown} and {len(names) - MOST_NAMED} more" if len(names) > MOST_NAMED else shown
