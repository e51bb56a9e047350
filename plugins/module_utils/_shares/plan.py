# Copyright (c) 2026, The labserver.jupyter authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Desired and current state compared: the actions, in the order in which they are safe. Nothing here has an effect."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field

from .current import FSTAB, Current, File
from .fstab import Entry, decode, edit, encode, normal_path, parse
from .model import CREDENTIALS, Share
from .world import Folder, Mount

NETWORK = frozenset(("cifs", "smb3", "smbfs", "nfs", "nfs4"))


@dataclass(frozen=True)
class Desired:
    """All shares below ``root`` and all files of the room (path -> content and mode)."""

    root: str
    shares: tuple[Share, ...]
    files: Mapping[str, File]

    def secret(self, share: Share) -> bytes | None:
        file = self.files.get(f"{CREDENTIALS}/{share.credentials}") if share.credentials else None
        return file.content if file else None


@dataclass(frozen=True)
class Action:
    """One change: ``what`` is done, for which share (``name``, empty for all), to which ``path``, and why."""

    what: str
    name: str
    path: str
    reason: str = ""


@dataclass(frozen=True)
class Plan:
    """What has to be done; ``problems`` mean that nothing may be."""

    actions: tuple[Action, ...]
    fstab: bytes
    fingerprints: Mapping[str, str]
    warnings: tuple[str, ...] = ()
    problems: tuple[str, ...] = field(default=())


def make_plan(desired: Desired, current: Current) -> Plan:
    """Compare; a second plan made after the first was carried out is empty."""
    problems = list(_obstacles(desired, current))
    text = decode(current.fstab)
    roots = (desired.root, *current.former_roots)
    after, dropped = edit(
        text, {share.name: share.entry for share in desired.shares}, lambda entry: _owner(desired, roots, entry)
    )
    prints = {share.name: share.fingerprint(desired.secret(share), current.salt) for share in desired.shares}

    actions = [action for share in desired.shares for action in _folder_actions(share, current)]
    actions += [
        Action("write file", "", path, "new" if current.files.get(path) is None else "changed")
        for path in desired.files
        if current.files.get(path) != desired.files[path]
    ]
    mounts: list[Action] = []
    for share in desired.shares:
        reason = _mount_reason(share, current, prints[share.name])
        live = current.at(share.mount_point)
        if reason and live:
            actions.append(Action("unmount", share.name, share.mount_point, reason))
        if reason:
            mounts.append(Action("mount", share.name, share.mount_point, reason))
        if current.paths.get(share.path) == "mounted":
            actions.append(Action("unmount", share.name, share.path, "mounted by hand at its path"))
        if current.paths.get(share.path) != f"link:{share.mount_point}":
            actions.append(Action("link", share.name, share.path, f"to {share.mount_point}"))
    actions += _removals(desired, current)
    if encode(after) != current.fstab:
        reason = "; ".join(
            f"{key}: {len(entries)} line(s) replaced or removed" for key, entries in sorted(dropped.items())
        )
        actions.append(Action("write fstab", "", FSTAB, reason))
    actions += mounts
    actions += _leftovers(desired, current)
    return Plan(tuple(actions), encode(after), prints, tuple(_warnings(desired, current)), tuple(problems))


def folders_of(share: Share) -> dict[str, Folder]:
    """Return the folder above a share, which lets in its groups only, and the guarded empty mount point."""
    if share.others == "ro":
        above = Folder(0o755, 0, (), True)
    elif len(share.gids) == 1:
        above = Folder(0o750, share.gids[0], (), True)
    else:
        above = Folder(0o750, 0, share.gids, True)
    # Mode 0: an absent share does not look like an empty folder. Immutable: not even root writes into it.
    return {share.parent: above, share.mount_point: Folder(0, 0, (), True)}


def source_folder(share: Share) -> Folder:
    """Return how the source of a new local share is made: its one writing group owns it and all that appears in it."""
    writers = [group for group, right in share.access.items() if right == "rw"]
    if len(writers) != 1:
        return Folder(0o755, 0, (), False)
    readers = share.others == "ro" or len(share.access) > 1
    return Folder(0o2775 if readers else 0o2770, share.writer_gid, (), False)


def _folder_actions(share: Share, current: Current) -> Iterator[Action]:
    limited = bool(current.recorded.get(share.name, {}).get("limits"))
    for path, wanted in folders_of(share).items():
        if path not in current.folders:
            continue
        found = current.folders[path]
        if found is None:
            yield Action("make folder", share.name, path, "new")
        elif not limited and not _folder_fits(found, wanted):
            yield Action("make folder", share.name, path, "guard, group or mode corrected")
    if share.kind == "local" and current.paths.get(share.source) == "absent":
        yield Action("make folder", share.name, share.source, "new")


def _folder_fits(found: Folder, wanted: Folder) -> bool:
    # Beside an ACL, the group's bits are the ACL's mask.
    mode = found.mode & ~0o070 | wanted.mode & 0o070 if found.acl else found.mode
    return (mode, found.gid, found.acl, found.immutable) == (wanted.mode, wanted.gid, wanted.acl, wanted.immutable)


def _below(path: str, roots: Iterable[str]) -> bool:
    return any(path.startswith(f"{root}/") for root in roots)


def _owner(desired: Desired, roots: Iterable[str], entry: Entry) -> str | None:
    target = normal_path(entry.target)
    for share in desired.shares:
        if target in (share.mount_point, normal_path(share.path)):
            return share.name
    return target if _below(target, roots) else None


def _mount_reason(share: Share, current: Current, fingerprint: str) -> str:
    """Say why a share has to be mounted (anew), or nothing when all is well."""
    live = current.at(share.mount_point)
    trap = any(mount.fstype == "autofs" for mount in live)
    real = [mount for mount in live if mount.fstype != "autofs"]
    if not live:
        return "not mounted"
    if trap != (share.automount and current.automounts):
        return "no automount any more" if trap else "automount is not active"
    if not trap and not real:
        return "not mounted"
    for mount in real:
        difference = live_difference(share, mount)
        if difference:
            return difference
    if current.recorded.get(share.name, {}).get("fingerprint") != fingerprint:
        return "source, options or credentials changed"
    return ""


def live_difference(share: Share, mount: Mount) -> str:
    """Say in what the live mount differs from what is wanted (an empty text: in nothing that can be seen)."""
    if share.kind == "local":
        if not share.source.endswith(mount.origin.rstrip("/")):
            return f"{mount.origin} is mounted"
    elif mount.source.rstrip("/") != share.source:
        return f"{mount.source} is mounted"
    if mount.read_only != share.read_only:
        return "mounted read-only" if mount.read_only else "mounted writable"
    return _cifs_difference(share, mount) if share.kind == "cifs" else ""


def _cifs_difference(share: Share, mount: Mount) -> str:
    live = dict(option.partition("=")[::2] for option in mount.options)
    if ("seal" in share.options) != ("seal" in live):
        return "mounted without encryption" if "seal" in share.options else "mounted with encryption"
    for key in ("uid", "gid", "file_mode", "dir_mode"):
        wanted = str(share.options.get(key, ""))
        base = 8 if key.endswith("mode") else 10
        if wanted.isdigit() and live.get(key, "").isdigit() and int(wanted, base) != int(live[key], base):
            return f"mounted with {key}={live[key]}"
    version = str(share.options.get("vers", ""))
    if re.fullmatch(r"[23]\.[0-9.]+", version) and live.get("vers") != version:
        return f"mounted with vers={live.get('vers')}"
    return ""


def _obstacles(desired: Desired, current: Current) -> Iterator[str]:
    """What a person has to decide: a share never replaces a disk or a folder with content."""
    for former in current.former_roots:
        if f"{former}/".startswith(f"{desired.root}/") or f"{desired.root}/".startswith(f"{former}/"):
            yield f"shares_root: {desired.root} meets {former}, where the shares were until now; give one outside of it"
    for share in desired.shares:
        where = f"share {share.name}"
        for number, line in enumerate(parse(decode(current.fstab)), 1):
            entry = line.entry
            if entry is None or normal_path(entry.target) not in (share.path, share.mount_point):
                continue
            if entry.fstype not in NETWORK and "bind" not in entry.options.split(","):
                yield (
                    f"{where}: line {number} of {FSTAB} mounts {entry.source} ({entry.fstype}) at {entry.target}, "
                    "and a share does not replace a disk; take the line out or give the share another path"
                )
        for mount in current.at(share.path):
            if mount.fstype not in NETWORK | {"autofs"} and mount.origin == "/":
                yield f"{where}: {mount.source} ({mount.fstype}) is mounted at {share.path}; give another path"
        stands = current.paths.get(share.path, "absent")
        if stands == "full":
            yield f"{where}: {share.path} is a folder with content; move its files away or give the share another path"
        elif stands == "other":
            yield f"{where}: {share.path} is a file; move it away or give the share another path"
        elif stands.startswith("link:") and not _below(stands[5:], (desired.root, *current.former_roots)):
            yield f"{where}: {share.path} is a link to {stands[5:]}; remove it or give the share another path"


def _removals(desired: Desired, current: Current) -> Iterator[Action]:
    mount_points = {share.mount_point for share in desired.shares}
    roots = (desired.root, *current.former_roots)
    for target in dict.fromkeys(mount.target for mount in current.mounts):
        if _below(target, roots) and target not in mount_points:
            yield Action("unmount", "", target, "no longer wanted")
    paths = {share.path for share in desired.shares}
    for name, note in sorted(current.recorded.items()):
        path = note.get("path", "")
        if path and path not in paths and current.paths.get(path) in {f"link:{root}/{name}/files" for root in roots}:
            yield Action("unlink", name, path, "no longer wanted")


def _leftovers(desired: Desired, current: Current) -> Iterator[Action]:
    parents = {share.parent for share in desired.shares}
    for folder in current.leftovers:
        if folder not in parents and folder not in current.full:
            yield Action("remove folder", "", folder, "no longer wanted")
    for path in sorted(current.files):
        if current.files[path] is not None and path not in desired.files:
            yield Action("remove file", "", path, "no longer wanted")


def _warnings(desired: Desired, current: Current) -> Iterator[str]:
    for folder in current.full:
        if folder not in {share.parent for share in desired.shares}:
            yield f"{folder} belongs to no share any more, but holds files; look at them"
    for share in desired.shares:
        if current.paths.get(share.mount_point) == "full":
            yield f"share {share.name}: {share.mount_point} holds files, which the mounted share hides; look at them"
        stands = current.paths.get(share.source, "") if share.kind == "local" else ""
        if stands == "absent" and list(share.access.values()).count("rw") > 1:
            yield f"share {share.name}: {share.source} is new and several groups may write; set its rights yourself"
