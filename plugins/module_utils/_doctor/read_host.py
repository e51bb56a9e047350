# Copyright (c) 2026, The labserver.jupyter authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Reads the host itself: accounts, homes, disks, shares, cron, what is set up of its upkeep."""

from __future__ import annotations

import os
import re
from pathlib import Path
from typing import Any

from .._common import exchange, mounts
from .handle import REMOTE, World
from .model import Account, Disk, File, Share, System

FOLDERS = ("/", "/home", "/srv", "/opt", "/var", "/var/lib/docker", "/var/log", "/srv/labserver")
HISTORY = "/var/lib/labserver/status/disks.json"
NETWORK = ("cifs", "smb3", "nfs", "nfs4", "fuse.sshfs")
CRON_NAME = re.compile(r"[A-Za-z0-9_-]+")
NEEDED = re.compile(r"(jupyter|docker|traefik|nginx|containerd|cron|certbot|labserver|postgres|registry|nfs)\S*\.\w+$")
TOKENLESS = re.compile(r"--(ServerApp|NotebookApp|IdentityProvider)\.token=['\"]{0,2}$")


def accounts(world: World) -> dict[str, Any]:
    """Return accounts and homes without an owner."""
    groups: dict[str, set[str]] = {}
    primary: dict[str, str] = {}
    for line in world.lines("/etc/group"):
        name, _password, gid, members = (line.split(":") + [""] * 4)[:4]
        primary[gid] = name
        for member in members.split(","):
            groups.setdefault(member, set()).add(name)
    shadow = dict(line.split(":")[:2] for line in world.lines("/etc/shadow") if line.count(":") > 1)
    found, numbers = [], set()
    for line in world.lines("/etc/passwd"):
        parts = line.split(":")
        if len(parts) < 7 or not parts[2].isdigit():
            continue
        name, uid, home = parts[0], int(parts[2]), parts[5]
        numbers.add(uid)
        # A home on a NAS that is away would hold this up.
        seen = None if world.remote(home) or uid < 1000 else world.status(home)
        found.append(
            Account(
                name,
                uid,
                home,
                frozenset({*groups.get(name, ()), primary.get(parts[3], "")} - {""}),
                no_password=shadow.get(name, "x") == "" or parts[1] == "",
                home_mode=None if seen is None else seen.st_mode & 0o7777,
                home_uid=None if seen is None else seen.st_uid,
            )
        )
    orphans = []
    if not world.remote("/home"):
        for path in world.listed("/home"):
            seen = world.status(path)
            if seen is not None and seen.st_uid not in {*numbers, 0} and not world.remote(path):
                orphans.append(path)
    return {"accounts": tuple(found), "orphans": tuple(orphans)}


def shares(world: World) -> dict[str, Any]:
    """Return the shares of /etc/fstab; nothing here looks into one that is mounted."""
    table = world.mounts()
    found = []
    for line in world.lines("/etc/fstab"):
        fields = [mounts.unescape(field) for field in line.split()]
        if len(fields) < 4 or fields[2] not in NETWORK:
            continue
        target = fields[1].rstrip("/") or "/"
        there = {mount.fstype for mount in table if mount.target == target} & REMOTE
        beneath = 0
        if not there and not world.remote(target):
            beneath = len(world.listed(target))
        options = tuple(fields[3].split(","))
        found.append(Share(fields[0], target, fields[2], options, bool(there), beneath))
    return {"shares": tuple(found)}


def days_left(record: str) -> dict[str, float]:
    """Return mount point -> days until it is full, as a lab server recorded it; empty where there is no good record."""
    try:
        found = exchange.parse(record.encode(), HISTORY)["days_left"]
        return {str(target): float(days) for target, days in found.items()}
    except (ValueError, KeyError, TypeError, AttributeError):
        return {}


def disks(world: World) -> dict[str, Any]:
    """Return how full the local disks are."""
    left = days_left(world.text(HISTORY))
    seen: dict[str, Disk] = {}
    table = world.mounts()
    for folder in FOLDERS:
        mount = mounts.holding(folder, table)
        if mount is None or mount.device in seen or mount.fstype in REMOTE or mount.fstype.startswith("fuse"):
            continue
        try:
            numbers = os.statvfs(mount.target)
        except OSError:
            continue
        inodes = numbers.f_favail / numbers.f_files if numbers.f_files else 1.0
        read_only = mount.read_only and mount.fstype in ("ext4", "ext3", "xfs", "btrfs", "zfs")
        size, free = numbers.f_blocks * numbers.f_frsize, numbers.f_bavail * numbers.f_frsize
        days = left.get(mount.target)
        if size:
            seen[mount.device] = Disk(mount.target, size, free, inodes, days, read_only)
    return {"disks": tuple(seen.values())}


def cron_fault(name: str, mode: int, uid: int, content: str) -> str:
    """Return why cron passes over a file of /etc/cron.d, nothing when it does not (cron(8), Debian)."""
    if not CRON_NAME.fullmatch(name):
        return "cron passes over names with other characters than letters, digits, - and _"
    if uid != 0 or mode & 0o022:
        return f"cron passes over files that others may write to (owner {uid}, mode {mode:04o})"
    if content and not content.endswith("\n"):
        return "the last line has no newline at its end, and cron passes over it"
    for line in content.splitlines():
        if re.match(r"\s*(#|\w+\s*=|$)", line) is None and re.search(r"(?<!\\)%", line):
            return "a % that is not written as \\% ends the command there"
    return ""


def cron_files(world: World) -> list[File]:
    """Return the files of /etc/cron.d."""
    found = []
    for path in world.listed("/etc/cron.d"):
        name = Path(path).name
        seen = world.status(path)
        if seen is None or name.startswith(".") or ".dpkg-" in name:
            continue
        fault = cron_fault(name, seen.st_mode & 0o7777, seen.st_uid, world.text(path))
        file = world.file(path, "cron", fault)
        found += [file] if file else []
    return found


def system(world: World) -> dict[str, Any]:
    """Return what is set up of the host's upkeep."""
    release = dict(line.split("=", 1) for line in world.lines("/etc/os-release") if "=" in line)
    memory = dict(re.findall(r"^(\w+):\s+(\d+)", _read(world.proc / "meminfo"), re.MULTILINE))
    names, bare = set(), []
    for folder in world.processes():
        words = world.command(folder)
        names.add(_read(folder / "comm").strip())
        if any(TOKENLESS.match(word) for word in words):
            bare.append(" ".join(words)[:100])
    failed = world.run("systemctl", "list-units", "--failed", "--plain", "--no-legend", "--no-pager").split("\n")
    units = [line.split()[0] for line in failed if line.split()]
    bad = tuple(unit for unit in units if NEEDED.match(unit) or re.match(r"(mnt|srv|data|home)\S*\.mount$", unit))
    reboot = world.status("/run/reboot-required")
    firewall = "ufw" if "ENABLED=yes" in world.text("/etc/ufw/ufw.conf") else ""
    found = System(
        name=release.get("ID", "").strip('"'),
        version=release.get("VERSION_ID", "").strip('"'),
        memory=int(memory.get("MemTotal", 0)) * 1024,
        swap=int(memory.get("SwapTotal", 0)) * 1024,
        firewall=firewall,
        cron_runs=bool(names & {"cron", "crond", "systemd-cron", "cronie", "fcron"}),
        reboot_due_days=0.0 if reboot is None else (world.now() - reboot.st_mtime) / 86400,
        lists_age_days=_lists_age(world),
        root_by_password=_root_by_password(world),
        failed_units=bad,
        bare_servers=tuple(bare),
        renewal=_renewal(world),
    )
    return {"system": found}


def _read(path: Path) -> str:
    try:
        return path.read_text(encoding="utf-8", errors="replace")
    except OSError:
        return ""


def _lists_age(world: World) -> float:
    paths = [*world.listed("/var/lib/apt/lists", "*Release"), "/var/lib/apt/periodic/update-success-stamp"]
    times = [seen.st_mtime for seen in map(world.status, paths) if seen is not None]
    return (world.now() - max(times)) / 86400 if times else 0.0


def _root_by_password(world: World) -> bool:
    if world.status("/usr/sbin/sshd") is None:
        return False
    said: dict[str, str] = {}
    for path in [*world.listed("/etc/ssh/sshd_config.d", "*.conf"), "/etc/ssh/sshd_config"]:
        for line in world.lines(path):
            words = line.lower().split()
            if words[0] == "match":
                break
            if len(words) > 1:
                said.setdefault(words[0], words[1])
    return said.get("permitrootlogin") == "yes" and said.get("passwordauthentication") != "no"


def _renewal(world: World) -> str:
    if not world.listed("/etc/letsencrypt/renewal", "*.conf"):
        return "none"
    timers = world.run("systemctl", "list-timers", "--all", "--plain", "--no-legend", "--no-pager")
    if "certbot" in timers or world.status("/etc/labserver/jobs.d/renew.json") is not None:
        return "active"
    crontabs = ["/etc/crontab", *world.listed("/etc/cron.d"), *world.listed("/var/spool/cron/crontabs")]
    lines = [line for path in crontabs for line in world.lines(path)]
    # Debian's own entry does nothing where systemd runs.
    return "active" if any("certbot" in line and "/run/systemd/system" not in line for line in lines) else "missing"
