# Copyright (c) 2026, The labserver.jupyter authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Carry a plan out.

Every command has a time limit, and what counts is what /proc says afterwards, not an exit status: with ``nofail``,
mount says 0 for a server that cannot be reached.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field

from .._common.mounts import Mount
from .answer import explain, look
from .current import FSTAB, Current
from .model import MOUNTED, Desired, Share, unit_name
from .plan import NETWORK, Action, Plan, folders_of, source_folder
from .verify import verify
from .world import ApplyError, Folder, World

# How long a mounted share may take to say anything at all, before it is taken for silent.
SILENCE_SECONDS = 10.0

COPY = ".[0-9]*T*Z"
"""What the name of a copy adds to that of the file: the time of the run."""


@dataclass
class Outcome:
    """What happened: the actions that had an effect, what a person should know, and the state of each share.

    ``mounted``: share -> why it is not mounted (an empty text: it is, and it answers).
    """

    done: list[Action] = field(default_factory=list)
    warnings: list[str] = field(default_factory=list)
    mounted: dict[str, str] = field(default_factory=dict)
    backup: str = ""


def apply(world: World, desired: Desired, current: Current, plan: Plan, *, seconds: float, stamp: str) -> Outcome:
    """Carry out the plan, then look whether each share answers; raises ApplyError.

    ``seconds`` limits one mount, one unmount and one look at a share; ``stamp`` is the time, for names of backups.
    """
    return _Applier(world, seconds, stamp).apply(desired, current, plan)


class _Applier:
    def __init__(self, world: World, seconds: float, stamp: str) -> None:
        self.world = world
        self.seconds = seconds
        self.stamp = stamp
        self.outcome = Outcome()

    def apply(self, desired: Desired, current: Current, plan: Plan) -> Outcome:
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
                # Before the first change that somebody could notice.
                warning = verify(self.world, plan.fstab, current.fstab, self.seconds)
                self.outcome.warnings += [warning] if warning else []
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
        world, path = self.world, action.path
        if action.what == "make folder" and share:
            wanted = source_folder(share) if path == share.source else folders_of(share)[path]
            warning = self._make_folder(path, wanted)
            if warning:
                self.outcome.warnings.append(f"share {share.name}: {warning}")
                limits[share.name] = warning
        elif action.what == "write file":
            file = desired.files[path]
            world.write(path, file.content, file.mode, folder_mode=0o700 if file.mode == 0o600 else 0o755)
            if path.startswith("/etc/systemd/"):
                self._reload()
        elif action.what == "unmount":
            self._unmount(path)
        elif action.what == "link" and share:
            self._link(path, share.mount_point)
        elif action.what in ("unlink", "remove file"):
            world.remove(path)
        elif action.what == "write fstab":
            self.outcome.backup = f"{FSTAB}.{self.stamp}"
            world.write(self.outcome.backup, current.fstab, world.mode(FSTAB) or 0o644)
            world.forget_copies(FSTAB, COPY)
            world.write(FSTAB, plan.fstab, world.mode(FSTAB) or 0o644)
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
            return self.world.make_folder(path, wanted)
        except OSError as error:
            raise ApplyError(f"cannot make the folder {path}: {error}") from error

    def _reload(self) -> None:
        if not self.world.systemd():
            return
        done = self.world.run(["systemctl", "daemon-reload"], self.seconds)
        if done.code is None:
            # Its reader of fstab looks at every mount point, too.
            network = sorted({mount.target for mount in self.world.mounts() if mount.fstype in NETWORK})
            hint = (
                f"the server of one of these may not answer: {', '.join(network)}"
                if network
                else "it may be overloaded"
            )
            raise ApplyError(
                f"systemd did not read {FSTAB} again within {self.seconds:g} s ({hint}); the next run repeats it"
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
            silent = self.world.run(["stat", "--file-system", target], patience).code is None
            if silent:  # whether it is gone shows in /proc: the command itself may wait for the server
                self.world.run(["umount", "--lazy", "--", target], patience)
            return silent

        with ThreadPoolExecutor(max_workers=max(1, len(ours))) as pool:
            for target, silent in zip(ours, pool.map(detached, ours), strict=True):
                if silent:
                    self.outcome.warnings.append(f"{target} did not answer within {patience:g} s and was detached")

    def _live(self, target: str) -> list[Mount]:
        return [mount for mount in self.world.mounts() if mount.target == target]

    def _unmount(self, target: str) -> None:
        if self.world.systemd():
            unit = unit_name(target)
            # Its exit status is of no use: it may say "Job failed" although the mount is gone.
            self.world.run(["systemctl", "stop", f"{unit}.automount", f"{unit}.mount"], self.seconds)
        for attempt in range(6):
            if not self._live(target):
                return
            lazy = ["--lazy"] if attempt else []
            done = self.world.run(["umount", *lazy, "--", target], min(SILENCE_SECONDS, self.seconds))
        raise ApplyError(f"{target} cannot be unmounted: {done.output or 'no answer in time'}")

    def _mount(self, share: Share) -> bool:
        if share.automount and self.world.automounts():
            unit = unit_name(share.mount_point)
            done = self.world.run(["systemctl", "start", f"{unit}.automount"], self.seconds)
            if not self._live(share.mount_point):  # a former run may have ended before systemd had read fstab
                self._reload()
                done = self.world.run(["systemctl", "start", f"{unit}.automount"], self.seconds)
            if not self._live(share.mount_point):
                self.outcome.mounted[share.name] = (
                    f"systemctl start {unit}.automount: {done.output or 'no answer in time'}"
                )
        else:
            done = self.world.run(["mount", "--", share.mount_point], self.seconds)
            if not self._live(share.mount_point):
                self.outcome.mounted[share.name] = explain(done.output) or "mount gave no reason"
        return bool(self._live(share.mount_point))

    def _link(self, path: str, target: str) -> None:
        place = self.world.at(path)
        if place.is_symlink():
            place.unlink()
        elif place.is_dir():
            self.world.set_immutable(path, False)
            if any(place.iterdir()):
                # It was covered by a mount until now: these files were written while the share was away.
                aside = f"{path}.before-share-{self.stamp}"
                place.rename(self.world.at(aside))
                self.outcome.warnings.append(f"{path} held files beneath the mount; they are in {aside} now")
            else:
                place.rmdir()
        place.parent.mkdir(parents=True, exist_ok=True)
        place.symlink_to(target)

    def _remove_folder(self, path: str) -> bool:
        for folder in (path, f"{path}/files"):
            if self.world.at(folder).is_dir():
                self.world.set_immutable(folder, False)
        for folder in (f"{path}/files", path):
            place = self.world.at(folder)
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
                waiting, pool.map(lambda one: look(self.world, one.mount_point, self.seconds), waiting), strict=True
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
        if self.world.read(MOUNTED) != content:
            self.world.write(MOUNTED, content, 0o600, folder_mode=0o700)
