# Copyright (c) 2026, The labserver.jupyter authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The steps of taking a host over and of the way back, each of which may be repeated."""

from __future__ import annotations

import os
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from datetime import UTC, datetime

from .._common import files
from .._hub.password_store import PasswordStore
from . import keep, plan, unit
from .keep import AdoptError, Effects
from .model import Choices, Current

STORE = "srv/labserver/hub/state/passwords.sqlite"
RECORD = "etc/labserver/hub/password-store.json"
HUB_UID, REGISTRY_UID = 64100, 64101
REGISTRY = "/srv/labserver/registry"

Read = Callable[[], Current]


@dataclass(frozen=True)
class Outcome:
    """Whether something was changed, what the state is now, and what a person should know."""

    changed: bool
    state: str
    notes: tuple[str, ...] = ()


def prepare(effects: Effects, read: Read, choices: Choices, check: bool = False) -> Outcome:
    """Keep how the host was. Raises AdoptError with everything that is in the way."""
    before = keep.read(effects.root)
    if before is not None and before.state in ("kept", *keep.UNDER_WAY, "done"):
        return Outcome(False, before.state)
    current = read()
    wanted = plan.compare(current, choices)
    if wanted.refusals:
        raise AdoptError("\n".join(wanted.refusals))
    if not check:
        keep.keep(effects, current, wanted.people)
        copy_images(effects, current)
    return Outcome(True, "kept")


def switch(effects: Effects, read: Read, choices: Choices, check: bool = False) -> Outcome:
    """Stop the old hub and give everybody's password to the new one.

    From then on until all is done the host gives itself back when it hears nothing of the run (``unattended.py``).
    """
    before = _record(effects)
    if before.state in ("switched", "done"):
        if before.state == "switched" and not check:
            unit.arm(effects)
            keep.write(effects, before)  # a sign that somebody is at work on it again
        return Outcome(False, before.state)
    current = read()
    wanted = plan.compare(current, choices)
    if wanted.refusals:
        raise AdoptError("\n".join(wanted.refusals))
    if check:
        return Outcome(True, "switched")
    keep.write(effects, replace(before, state="switching"))
    try:
        unit.arm(effects)
    except (AdoptError, OSError):
        keep.write(effects, before)
        raise
    keep.stop_old(effects, before, current)
    if before.kind == "tljh":
        # Somebody may have chosen a password a moment ago; a hub in a container cannot be asked when it is stopped.
        current = replace(current, passwords=read().passwords)
        if current.passwords.problems:
            keep.start_old(effects, before)
            keep.write(effects, replace(before, state="kept"))
            unit.disarm(effects)
            raise AdoptError("\n".join(current.passwords.problems))
    names = {person.name for person in wanted.people}
    seed(effects, {name: value for name, value in current.passwords.hashes.items() if name in names})
    copy_images(effects, current)
    keep.write(effects, replace(before, state="switched"))
    return Outcome(True, "switched")


def seed(effects: Effects, hashes: Mapping[str, str], owner: int = HUB_UID) -> None:
    """Put passwords as people chose them into the hub's store; what it has for these names is the older one."""
    path, record = effects.root / STORE, effects.root / RECORD
    for folder in (record.parent.parent, record.parent, path.parent.parent.parent, path.parent.parent):
        folder.mkdir(mode=0o755, exist_ok=True)
    if not path.parent.exists():
        path.parent.mkdir(mode=0o700)
        os.chown(path.parent, owner, owner)
    store = PasswordStore(path)
    if not path.exists():
        store.create(owner, owner)
    now = datetime.fromtimestamp(effects.now(), UTC).isoformat(timespec="seconds")
    store.apply(hashes, [], now)
    for name, value in hashes.items():
        store.change(name, value, now)  # no one-time password: people chose it
    files.replace(record, store.record().text().encode(), 0o644)


def copy_images(effects: Effects, current: Current) -> None:
    """Copy the old registry's images; the second time, when the old one is stopped, only what has come since."""
    if not current.registry_store or not effects.inside(current.registry_store).is_dir():
        return
    target = effects.inside(REGISTRY)
    target.mkdir(parents=True, exist_ok=True)
    source = effects.inside(current.registry_store)
    effects.order("cp", "--archive", "--update", "--reflink=auto", f"{source}/.", str(target))
    effects.order("chown", "--recursive", f"{REGISTRY_UID}:{REGISTRY_UID}", str(target))


def go_on(effects: Effects) -> Outcome:
    """Say whether a run may go on with its next step: not on a host that has given itself back meanwhile."""
    before = _record(effects)
    if before.state in ("switched", "done"):
        return Outcome(False, before.state)
    raise _not_switched(before)


def _not_switched(before: keep.Before) -> AdoptError:
    why = f" ({before.ended})" if before.ended else ""
    return AdoptError(f"the takeover is in the state {before.state}, not switched{why}; run adopt.yml once more")


def finish(effects: Effects, check: bool = False) -> Outcome:
    """Note that all is done, and how the files are now."""
    before = _record(effects)
    if before.state == "done":
        return Outcome(False, "done")
    if before.state != "switched":
        raise _not_switched(before)
    if not check:
        after = {path: keep.digest(effects.inside(path)) for path in before.files}
        keep.write(effects, replace(before, state="done", after=after))
        unit.disarm(effects)
    return Outcome(True, "done")


def may_go_back(effects: Effects, over_changes: bool) -> Outcome:
    """Say whether the way back can be gone; raises AdoptError before anything is touched."""
    before = _record(effects)
    if before.state == "back":
        return Outcome(False, "back")
    _whole(effects, before)
    changed = keep.changed_since(effects.root, before)
    if changed and not over_changes:
        raise AdoptError(
            f"{', '.join(changed)} changed after the takeover, for people who came since, say; the way back brings the"
            " old ones: say adopt_over_changes=true"
        )
    return Outcome(True, before.state)


def back(effects: Effects, check: bool = False, again: bool = False, ended: str = "") -> Outcome:
    """Give the files back what they had and start the old hub. Raises AdoptError before that where copies are damaged.

    ``again`` is for a run that went on after the host had given itself back: what it changed since goes as well.
    ``ended`` says why the host does this by itself.
    """
    before = _record(effects)
    if before.state == "back" and not (again and before.ended):
        return Outcome(False, "back")
    if check:
        return Outcome(True, "back")
    _whole(effects, before)
    keep.stop_new(effects)
    aside = keep.restore(effects, before)
    keep.start_old(effects, before)
    if before.files.get("/etc/fstab") is not None:
        effects.run(["mount", "--all"])  # a NAS that is away is no reason to stay halfway
    keep.write(effects, replace(before, state="back", ended=ended))
    unit.disarm(effects)
    return Outcome(True, "back", tuple(f"a home that was made here is kept as {path}" for path in aside))


def _whole(effects: Effects, before: keep.Before) -> None:
    broken = keep.damaged(effects.root, before)
    if broken:
        raise AdoptError(f"the copies of {', '.join(broken)} below /{keep.FOLDER}/files are damaged or gone")


def _record(effects: Effects) -> keep.Before:
    before = keep.read(effects.root)
    if before is None:
        raise AdoptError("this host was not taken over: there is no record of how it was")
    return before
