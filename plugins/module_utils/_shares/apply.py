# Copyright (c) 2026, The labserver.jupyter authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Carries a plan out.

Every command has a time limit, and what counts is what /proc says afterwards, not an exit status: with ``nofail``,
mount says 0 for a server that cannot be reached.
"""

from __future__ import annotations

import json
import re
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field

from .current import FSTAB, Current
from .fstab import decode, encode, parse, render
from .model import MOUNTED, Share, unit_name
from .plan import NETWORK, Action, Desired, Plan, folders_of, source_folder
from .world import Folder, Host, Mount

_ERROR = re.compile(r"mount error\((\d+)\)|error (\d+) \(|could not resolve address")
# How long a mounted share may take to say anything at all, before it is taken for silent.
SILENCE_SECONDS = 10.0
_MEANINGS = {
    2: "the server has no such share or folder",
    13: "the server refused the user name or password (or the user may not use this share)",
    22: "an option that the kernel does not know, or a value it does not take",
    95: "the server does not speak this protocol version, or refuses to encrypt",
    110: "the server does not answer",
    111: "the server refuses the connection (is its file service running?)",
    112: "the server cannot be reached",
    113: "the server cannot be reached",
    115: "the server does not answer",
    126: "there is no Kerberos ticket or key for it",
}


class ApplyError(Exception):
    """A step failed and the rest was not tried; the message says which one and what to do."""


@dataclass
class Outcome:
    """What happened: the actions that had an effect, what a person should know, and the state of each share.

    ``mounted``: share -> why it is not mounted (an empty text: it is, and it answers).
    """

    done: list[Action] = field(default_factory=list)
    warnings: list[str] = field(default_factory=list)
    mounted: dict[str, str] = field(default_factory=dict)
    backup: str = ""


class Applier:
    """Carries out plans on a host; ``seconds`` limits one mount, unmount or look at a share."""

    def __init__(self, host: Host, seconds: float, stamp: str) -> None:
        self.host = host
        self.seconds = seconds
        self.stamp = stamp
        self.outcome = Outcome()

    def apply(self, desired: Desired, current: Current, plan: Plan) -> Outcome:
        """Carry out the plan, then look whether each share answers. Raises ApplyError."""
        shares = {share.name: share for share in desired.shares}
        known = (desired.root, *current.former_roots)
        if plan.actions:
            # Written before anything is made there: a run that fails half way must not forget a folder of the shares.
            self._note(current.salt, current.recorded, known)
            self._detach_silent(current, known)
        verified = not any(action.what == "write fstab" for action in plan.actions)
        limits = {name: note.get("limits", "") for name, note in current.recorded.items()}
        for action in plan.actions:
            if not verified and action.what != "make folder":
                self._verify(plan.fstab, current.fstab)  # before the first change that somebody could notice
                verified = True
            self._carry_out(action, desired, current, plan, shares.get(action.name), limits)
        self._probe(desired.shares)
        self._record(desired, current, plan, limits)
        return self.outcome

    def _carry_out(
        self,
        action: Action,
        desired: Desired,
        current: Current,
        plan: Plan,
        share: Share | None,
        limits: dict[str, str],
    ) -> None:
        host, path = self.host, action.path
        if action.what == "make folder" and share:
            wanted = source_folder(share) if path == share.source else folders_of(share)[path]
            warning = self._make_folder(path, wanted)
            if warning:
                self.outcome.warnings.append(f"share {share.name}: {warning}")
                limits[share.name] = warning
        elif action.what == "write file":
            file = desired.files[path]
            host.write(path, file.content, file.mode, folder_mode=0o700 if file.mode == 0o600 else 0o755)
            if path.startswith("/etc/systemd/"):
                self._reload()
        elif action.what == "unmount":
            self._unmount(path)
        elif action.what == "link" and share:
            self._link(path, share.mount_point)
        elif action.what in ("unlink", "remove file"):
            host.remove(path)
        elif action.what == "write fstab":
            self.outcome.backup = f"{FSTAB}.{self.stamp}"
            host.write(self.outcome.backup, current.fstab, host.mode(FSTAB) or 0o644)
            host.write(FSTAB, plan.fstab, host.mode(FSTAB) or 0o644)
            self._reload()
        elif action.what == "mount" and share:
            if not self._mount(share):
                return
        elif action.what == "remove folder" and not self._remove_folder(path):
            return
        self.outcome.done.append(action)

    # --- steps ---

    def _make_folder(self, path: str, wanted: Folder) -> str:
        try:
            return self.host.make_folder(path, wanted)
        except OSError as error:
            raise ApplyError(f"cannot make the folder {path}: {error}") from error

    def _verify(self, after: bytes, before: bytes) -> None:
        """Let findmnt judge the new fstab; what it already complains about today is not held against it.

        findmnt looks at every mount point, and waits for the server of one that is mounted and does not answer. Then
        only the new lines are judged whose mount point is free.
        """
        known = self._judge(before)
        verdict = self._judge(after) if known is not None else None
        if verdict is None:
            old = set(decode(before).splitlines())
            covered = {mount.target for mount in self.host.mounts()}
            lines = [line for line in parse(decode(after)) if line.raw.rstrip("\n") not in old]
            free = [line for line in lines if line.entry and line.entry.target not in covered]
            known, verdict = [], self._judge(encode(render(free)))
            self.outcome.warnings.append(
                "a mounted share does not answer, so findmnt --verify judged the new lines only"
            )
        if verdict is None:
            raise ApplyError(f"{FSTAB} was left as it is, because findmnt --verify did not judge the new one in time")
        new = sorted((Counter(verdict) - Counter(known)).elements())
        if new:
            raise ApplyError(
                f"{FSTAB} was left as it is, because findmnt --verify objects to the new one: {'; '.join(new)}"
            )

    def _judge(self, content: bytes) -> list[str] | None:
        """Return what findmnt has against an fstab; None when it does not answer in time."""
        candidate = f"{FSTAB}.labserver-new"
        try:
            self.host.write(candidate, content, 0o600)
            command = ["findmnt", "--verify", "--tab-file", str(self.host.at(candidate))]
            done = self.host.run(command, min(15, self.seconds))
        finally:
            self.host.remove(candidate)
        if done.code == 127:
            raise ApplyError(f"findmnt --verify did not run: {done.output}")
        return None if done.code is None else verify_errors(done.output)

    def _reload(self) -> None:
        if not self.host.systemd():
            return
        done = self.host.run(["systemctl", "daemon-reload"], self.seconds)
        if done.code is None:
            # Its reader of fstab looks at every mount point, too.
            network = sorted({mount.target for mount in self.host.mounts() if mount.fstype in NETWORK})
            hint = (
                f"the server of one of these may not answer: {', '.join(network)}"
                if network
                else "it may be overloaded"
            )
            raise ApplyError(
                f"systemd did not read {FSTAB} anew within {self.seconds:g} s ({hint}); the next run makes it good"
            )
        if not done.well:
            raise ApplyError(f"systemctl daemon-reload failed: {done.output}")

    def _detach_silent(self, current: Current, roots: Sequence[str]) -> None:
        """Take shares that are mounted and do not answer out of the way of findmnt, systemd and umount.

        All of these look at every mount point, and wait for minutes for its server. A share with an automount comes
        back with the next access, in containers too; files that are open stay with the mount that was detached.
        """
        under = {mount.target for mount in current.mounts if mount.fstype == "autofs"}
        mounted = {mount.target for mount in current.mounts if mount.fstype in NETWORK}
        ours = sorted(target for target in mounted & under if target.startswith(tuple(f"{root}/" for root in roots)))
        patience = min(SILENCE_SECONDS, self.seconds)

        def detached(target: str) -> bool:
            # Space is never answered from a cache, as attributes of a folder are.
            silent = self.host.run(["stat", "--file-system", target], patience).code is None
            if silent:  # whether it is gone shows in /proc: the command itself may wait for the server
                self.host.run(["umount", "--lazy", "--", target], patience)
            return silent

        with ThreadPoolExecutor(max_workers=max(1, len(ours))) as pool:
            for target, silent in zip(ours, pool.map(detached, ours), strict=True):
                if silent:
                    self.outcome.warnings.append(f"{target} did not answer within {patience:g} s and was detached")

    def _live(self, target: str) -> list[Mount]:
        return [mount for mount in self.host.mounts() if mount.target == target]

    def _unmount(self, target: str) -> None:
        if self.host.systemd():
            unit = unit_name(target)
            # Its exit status is of no use: it may say "Job failed" although the mount is gone.
            self.host.run(["systemctl", "stop", f"{unit}.automount", f"{unit}.mount"], self.seconds)
        for attempt in range(6):
            if not self._live(target):
                return
            lazy = ["--lazy"] if attempt else []
            done = self.host.run(["umount", *lazy, "--", target], min(SILENCE_SECONDS, self.seconds))
        raise ApplyError(f"{target} cannot be unmounted: {done.output or 'no answer in time'}")

    def _mount(self, share: Share) -> bool:
        if share.automount and self.host.automounts():
            unit = unit_name(share.mount_point)
            done = self.host.run(["systemctl", "start", f"{unit}.automount"], self.seconds)
            if not self._live(share.mount_point):  # a former run may have ended before systemd had read fstab
                self._reload()
                done = self.host.run(["systemctl", "start", f"{unit}.automount"], self.seconds)
            if not self._live(share.mount_point):
                self.outcome.mounted[share.name] = (
                    f"systemctl start {unit}.automount: {done.output or 'no answer in time'}"
                )
        else:
            done = self.host.run(["mount", "--", share.mount_point], self.seconds)
            if not self._live(share.mount_point):
                self.outcome.mounted[share.name] = explain(done.output) or "mount gave no reason"
        return bool(self._live(share.mount_point))

    def _link(self, path: str, target: str) -> None:
        place = self.host.at(path)
        if place.is_symlink():
            place.unlink()
        elif place.is_dir():
            self.host.set_immutable(path, False)
            if any(place.iterdir()):
                # It was covered by a mount until now: these files were written while the share was away.
                aside = f"{path}.before-share-{self.stamp}"
                place.rename(self.host.at(aside))
                self.outcome.warnings.append(f"{path} held files beneath the mount; they are in {aside} now")
            else:
                place.rmdir()
        place.parent.mkdir(parents=True, exist_ok=True)
        place.symlink_to(target)

    def _remove_folder(self, path: str) -> bool:
        for folder in (path, f"{path}/files"):
            if self.host.at(folder).is_dir():
                self.host.set_immutable(folder, False)
        for folder in (f"{path}/files", path):
            place = self.host.at(folder)
            if not place.is_dir():
                continue
            try:
                place.rmdir()
            except OSError as error:
                self.outcome.warnings.append(f"{folder} stays: {error.strerror}")
                return False
        return True

    # --- afterwards ---

    def _probe(self, shares: Iterable[Share]) -> None:
        """Look into every share at once (which also sets off its automount) and say why one does not answer."""
        waiting = [share for share in shares if share.name not in self.outcome.mounted]
        with ThreadPoolExecutor(max_workers=max(1, len(waiting))) as pool:
            for share, reason in zip(
                waiting, pool.map(lambda one: look(self.host, one.mount_point, self.seconds), waiting), strict=True
            ):
                self.outcome.mounted[share.name] = reason

    def _record(self, desired: Desired, current: Current, plan: Plan, limits: Mapping[str, str]) -> None:
        notes: dict[str, dict[str, str]] = {}
        for share in desired.shares:
            notes[share.name] = {"path": share.path}
            if self._live(share.mount_point):
                notes[share.name]["fingerprint"] = plan.fingerprints[share.name]
            if limits.get(share.name):
                notes[share.name]["limits"] = limits[share.name]
        self._note(current.salt, notes, (desired.root,))

    def _note(self, salt: str, notes: Mapping[str, Mapping[str, str]], roots: Sequence[str]) -> None:
        table = {"roots": list(roots), "salt": salt, "shares": notes}
        content = (json.dumps(table, indent=1, sort_keys=True) + "\n").encode()
        if self.host.read(MOUNTED) != content:
            self.host.write(MOUNTED, content, 0o600, folder_mode=0o700)


def look(host: Host, mount_point: str, seconds: float) -> str:
    """Look at a share, which also sets off its automount; say why it does not answer (an empty text: it does)."""
    done = host.run(["stat", "--format=%F", f"{mount_point}/."], seconds)
    real = [mount for mount in host.mounts() if mount.target == mount_point and mount.fstype != "autofs"]
    if done.well and real:
        return ""
    if done.code is None:
        return f"no answer within {seconds:g} s"
    said = ""
    if not real and host.systemd():
        unit = f"{unit_name(mount_point)}.mount"
        said = host.run(["journalctl", "--boot", "--unit", unit, "--lines=6", "--output=cat"], seconds).output
    reason = explain(said) or done.output.rpartition(": ")[2] or "not mounted"
    hint = " (the server is away, or the password was changed there)" if reason == "Host is down" else ""
    return f"not mounted: {reason}" if not real and reason != "not mounted" else reason + hint


def verify_errors(output: str) -> list[str]:
    """Return the errors of ``findmnt --verify`` (not its warnings), each with the mount point it is about."""
    errors, target = [], ""
    for line in output.splitlines():
        text = line.strip()
        if text.startswith("[E]"):
            errors.append(f"{target}: {text[3:].strip()}")
        elif "parse error" in text and "ignored" in text:
            errors.append(re.sub(r"^.*?: (parse error) at line \d+", r"\1", text))
        elif text and not text.startswith("["):
            target = text
    return errors


def explain(output: str) -> str:
    """Say in words what mount.cifs meant; an empty text when it said nothing that is known."""
    errors = list(_ERROR.finditer(output))
    if not errors:
        return ""
    found = errors[-1]
    if not (found[1] or found[2]):
        return "the name of the server cannot be resolved"
    number = int(found[1] or found[2])
    return f"{_MEANINGS.get(number, 'mount failed')} (error {number})"
