# Copyright (c) 2026, The labserver.jupyter authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Hazards of what is kept: shares, disks, backups, secrets on the disk, and the host's own upkeep."""

from __future__ import annotations

from .._common import sizes
from .hazards import Seen, hazard
from .model import Current

GIB = 1 << 30
EMPTY_BYTES = 10 << 10  # an empty tar archive has 10 KiB, and 45 bytes when it is compressed
# The last day of standard support of a release.
END_OF_LIFE = {
    ("ubuntu", "16.04"): "2021-04", ("ubuntu", "18.04"): "2023-05", ("ubuntu", "20.04"): "2025-05",
    ("debian", "9"): "2022-06", ("debian", "10"): "2024-06", ("debian", "11"): "2026-08",
    ("centos", "7"): "2024-06", ("centos", "8"): "2021-12",
}  # fmt: skip


@hazard(
    "share-absent",
    "critical",
    "people find an empty folder where their data should be",
    "mount it, look why it went (network, password), and add nofail,x-systemd.automount",
)
def share_absent(current: Current) -> Seen:
    """Shares of /etc/fstab that are not mounted."""
    for share in current.shares:
        if not share.mounted and "noauto" not in share.options:
            yield share.target, f"{share.source} is not mounted"


@hazard(
    "mount-point-written",
    "critical",
    "what people saved there is on this disk, in no backup of the NAS, and hidden as soon as the share is back",
    "move these files to the share, then chattr +i the empty folder",
)
def mount_point_written(current: Current) -> Seen:
    """Files in the mount point of a share that is away."""
    for share in current.shares:
        if not share.mounted and share.beneath:
            yield share.target, f"{share.beneath} entries lie in the mount point of a share that is not mounted"


@hazard(
    "share-other-in-container",
    "critical",
    "what is written there lands on the host's disk, or nowhere anybody looks",
    "bind the folder above the mount with rslave propagation, and start the container anew",
)
def share_other_in_container(current: Current) -> Seen:
    """The host has the share, the container something else at that place."""
    for container in current.containers:
        for each in container.binds:
            if each.other_disk and container.running:
                yield container.name, f"at {each.target} it does not see the share that the host has at {each.source}"


@hazard(
    "share-bound-directly",
    "warning",
    "when the share goes and comes back, running containers keep the dead one or an empty folder",
    "bind the folder above the mount with rslave propagation",
)
def share_bound_directly(current: Current) -> Seen:
    """A share that is bound itself into a container."""
    targets = {share.target for share in current.shares}
    for container in current.containers:
        for each in container.binds:
            follows = "slave" in each.propagation or "shared" in each.propagation
            if each.source in targets and not follows and not each.other_disk:
                yield container.name, f"the share {each.source} is bound itself, without propagation"


@hazard(
    "share-stops-boot",
    "warning",
    "after a power cut the server waits for the NAS, or ends in the emergency shell",
    "add nofail and _netdev (or x-systemd.automount) to its options in /etc/fstab",
)
def share_stops_boot(current: Current) -> Seen:
    """Shares without nofail."""
    for share in current.shares:
        if not {"nofail", "noauto", "x-systemd.automount"} & set(share.options):
            yield share.target, "its line in /etc/fstab has no nofail"


@hazard(
    "password-in-fstab",
    "critical",
    "everybody on this host reads the password of the NAS",
    "credentials=FILE with mode 0600, and a new password",
)
def password_in_fstab(current: Current) -> Seen:
    """Everybody may read /etc/fstab."""
    for share in current.shares:
        if any(option.startswith(("password=", "pass=", "password2=")) for option in share.options):
            yield share.target, "the password stands in /etc/fstab"


@hazard(
    "secret-readable",
    "critical",
    "everybody with an account here, also from a notebook, may read it and act with it",
    "chmod 600, and change the secret",
)
def secret_readable(current: Current) -> Seen:
    """Keys, passwords, databases of the hub and credentials that everybody may read."""
    for file in current.files:
        if file.purpose == "secret" and file.readable_by_all:
            yield file.path, f"everybody may read it (mode {file.mode:04o})"


@hazard(
    "config-writable",
    "critical",
    "who may write it is root at the next start of what reads it",
    "chown root and chmod go-w",
)
def config_writable(current: Current) -> Seen:
    """Configuration that runs as code, writable by others."""
    people = {account.uid: account.name for account in current.accounts if account.person}
    for file in current.files:
        if file.purpose == "config" and file.uid in people:
            yield file.path, f"it belongs to {people[file.uid]}"
        elif file.purpose == "config" and file.writable_by_all:
            yield file.path, f"everybody may change it (mode {file.mode:04o})"


@hazard(
    "disk-full",
    "critical",
    "nobody can save, the hub cannot write its database, and no server starts",
    "find what grew (du -xh --max-depth 2), prune images, give people quotas",
)
def disk_full(current: Current) -> Seen:
    """Little room, by bytes and by numbers of files."""
    for disk in current.disks:
        room = disk.free / disk.total if disk.total else 1.0
        if (room < 0.05 and disk.free < 20 * GIB) or disk.inodes_free < 0.03:
            files = f", {disk.inodes_free:.0%} of the inodes" if disk.inodes_free < 0.03 else ""
            yield disk.target, f"{sizes.text(disk.free)} of {sizes.text(disk.total)} are left{files}"


@hazard(
    "disk-full-soon",
    "warning",
    "it will be full before anybody looks again",
    "make room or a larger disk ready now",
)
def disk_full_soon(current: Current) -> Seen:
    """By the growth that was recorded, or nearly full where nothing was."""
    for disk in current.disks:
        room = disk.free / disk.total if disk.total else 1.0
        if room < 0.05 and disk.free < 20 * GIB:
            continue  # said already
        if disk.days_left is not None and disk.days_left < 30:
            yield disk.target, f"at its growth it is full in {disk.days_left:.0f} days"
        elif room < 0.10 and disk.free < 50 * GIB:
            yield disk.target, f"{room:.0%} are left ({sizes.text(disk.free)})"


@hazard(
    "disk-read-only",
    "critical",
    "nothing can be saved; the kernel does so after errors of the disk",
    "dmesg | tail; look at the disk before anything else",
)
def disk_read_only(current: Current) -> Seen:
    """A local file system that became read-only."""
    for disk in current.disks:
        if disk.read_only:
            yield disk.target, "it is mounted read-only"


@hazard(
    "backup-none",
    "critical",
    "a dead disk, a wrong rm or a stolen server takes the work of everybody",
    "set up the role backup, or restic to another machine, and restore one file to see that it works",
)
def backup_none(current: Current) -> Seen:
    """People have homes here and nothing is saved. Only backups that this host makes itself are seen."""
    people = sum(account.person and account.home_mode is not None for account in current.accounts)
    unread = any(part.startswith("backups") for part in current.unread)
    if people and not current.backups and not unread:
        who = "1 person has" if people == 1 else f"{people} people have"
        yield "the homes", f"{who} a home here, and no cron entry, timer or job of this host saves it"


@hazard(
    "backup-holds-nothing",
    "critical",
    "the day it is needed there is nothing to restore",
    "run the backup by hand, look at what it says, and restore one file",
)
def backup_holds_nothing(current: Current) -> Seen:
    """Backups whose newest archive is as large as an empty one, or whose target is not there."""
    for backup in current.backups:
        for target in backup.targets:
            if not target.exists:
                yield backup.source, f"its target {target.path} does not exist"
            elif target.newest_age_days is None or target.newest_bytes <= EMPTY_BYTES:
                seen = "is empty" if target.newest_age_days is None else f"ends with {target.newest_bytes} bytes"
                yield backup.source, f"its target {target.path} {seen}"


@hazard(
    "backup-old",
    "critical",
    "what people did since then is in no backup",
    "look why it does not run any more: its log, cron, the room at its target",
)
def backup_old(current: Current) -> Seen:
    """Backups that ended some time ago."""
    for backup in current.backups:
        ages = [target.newest_age_days for target in backup.targets if target.newest_age_days is not None]
        if ages and min(ages) > 8:
            yield backup.source, f"the newest one is {min(ages):.0f} days old"
        if backup.problem:
            yield backup.source, backup.problem


@hazard(
    "backup-on-same-disk",
    "warning",
    "the disk that dies takes the backup with it",
    "let it go to another machine",
)
def backup_on_same_disk(current: Current) -> Seen:
    """Backups that lie beside what they save."""
    for backup in current.backups:
        for target in backup.targets:
            if target.same_disk and target.exists:
                yield backup.source, f"{target.path} lies on the disk that it saves"


@hazard(
    "cron-passes-over",
    "warning",
    "the job never runs, and nothing says so",
    "a name of letters, digits, - and _, mode 0644, owner root, a newline at the end, % written as \\%",
)
def cron_passes_over(current: Current) -> Seen:
    """Files below /etc/cron.d that cron ignores without a word."""
    for file in current.files:
        if file.purpose == "cron" and file.fault:
            yield file.path, file.fault


@hazard(
    "cron-not-running",
    "critical",
    "no backup, no renewal, no upkeep runs on this host",
    "systemctl enable --now cron",
)
def cron_not_running(current: Current) -> Seen:
    """There are entries and no cron."""
    entries = [file for file in current.files if file.purpose == "cron"]
    if entries and not current.system.cron_runs:
        yield "cron", f"{len(entries)} files in /etc/cron.d, and no cron runs"


@hazard(
    "idle-servers-stay",
    "note",
    "servers that nobody uses keep their memory until the host has none left",
    "switch on jupyterhub-idle-culler; TLJH: tljh-config set services.cull.enabled true",
)
def idle_servers_stay(current: Current) -> Seen:
    """A hub that never stops idle servers."""
    for hub in current.hubs:
        if not hub.culls:
            yield hub.path, "nothing stops idle servers"


@hazard(
    "system-without-support",
    "critical",
    "holes that everybody knows stay open",
    "move to a supported release, after a backup that was restored once",
)
def system_without_support(current: Current) -> Seen:
    """Releases whose standard support has ended."""
    end = END_OF_LIFE.get((current.system.name, current.system.version))
    if end:
        yield f"{current.system.name} {current.system.version}", f"its support ended in {end}"


@hazard(
    "updates-not-looked-for",
    "warning",
    "known holes stay open because nobody hears of the updates",
    "labserver_updates (docs/howto/updates.md), or unattended-upgrades with the engine left out",
)
def updates_not_looked_for(current: Current) -> Seen:
    """Lists of packages that are old."""
    if current.system.lists_age_days > 30:
        yield "apt", f"the lists of packages are {current.system.lists_age_days:.0f} days old"


@hazard(
    "reboot-due",
    "warning",
    "the old kernel with its known holes runs on",
    "tell people and reboot; labserver_updates does both in a window",
)
def reboot_due(current: Current) -> Seen:
    """An update asked for a reboot some time ago."""
    if current.system.reboot_due_days > 7:
        yield "the host", f"an update has asked for a reboot for {current.system.reboot_due_days:.0f} days"


@hazard(
    "unit-failed",
    "critical",
    "a part of the hub does not work",
    "systemctl status UNIT; journalctl -u UNIT",
)
def unit_failed(current: Current) -> Seen:
    """Failed units that a hub needs."""
    for unit in current.system.failed_units:
        yield unit, "systemd says that it failed"
