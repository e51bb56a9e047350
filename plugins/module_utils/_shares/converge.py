# Copyright (c) 2026, The labserver.jupyter authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The whole way of a run: check the inputs, read, compare, and (outside check mode) apply."""

from __future__ import annotations

import difflib
import re
import secrets
from collections.abc import Mapping
from dataclasses import replace
from typing import Any

from .._common.exchange import ExchangeError
from .apply import apply
from .current import FSTAB, group_ids, read
from .fstab import decode
from .input import problems
from .model import (
    CREDENTIALS,
    EXCHANGE,
    HEALTH,
    Desired,
    File,
    credentials_file,
    desired_share,
    drop_in,
    exchange_file,
    health_file,
)
from .plan import Plan, compare
from .world import World

_SECRET = re.compile(r"\b((?:pass(?:word|wd)?2?)=)[^,\s]+", re.IGNORECASE)


class RefusedError(Exception):
    """The inputs or the host do not allow it; ``problems`` says everything that is in the way."""

    def __init__(self, problems: list[str]) -> None:
        super().__init__("; ".join(problems))
        self.problems = problems


def converge(world: World, inputs: Mapping[str, Any], *, check: bool, stamp: str) -> dict[str, Any]:
    """Bring a host to what the inputs (the role's variables) say.

    :param stamp: The time as text, for the names of backups.
    :returns: changed, actions, diff, warnings, shares (name -> mounted, reason), backup.
    :raises RefusedError: With all problems; nothing was changed.
    :raises ApplyError: A step failed half way.
    """
    found = problems(inputs)
    if found:
        raise RefusedError(found)
    desired, warnings = make_desired(world, inputs, check)
    known = {*desired.files, HEALTH, drop_in(desired.root)[0]}
    current = read(world, desired.root, desired.shares, known)
    current = replace(current, salt=current.salt or secrets.token_hex(16))
    plan = compare(desired, current)
    if plan.problems:
        raise RefusedError(list(plan.problems))
    result: dict[str, Any] = {
        "changed": bool(plan.actions),
        "actions": [{"what": a.what, "name": a.name, "path": a.path, "reason": a.reason} for a in plan.actions],
        "diff": diff(plan, current.fstab, current.files.get(EXCHANGE), desired),
        "warnings": [*warnings, *plan.warnings],
        "backup": "",
    }
    if check:
        live = {mount.target for mount in current.mounts if mount.fstype != "autofs"}
        result["shares"] = {s.name: {"mounted": s.mount_point in live, "reason": ""} for s in desired.shares}
        return result
    seconds = float(inputs.get("shares_timeout_seconds") or 40)
    outcome = apply(world, desired, current, plan, seconds=seconds, stamp=stamp)
    result["changed"] = bool(outcome.done)
    result["backup"] = outcome.backup
    result["warnings"] += outcome.warnings
    result["shares"] = {name: {"mounted": not why, "reason": why} for name, why in outcome.mounted.items()}
    return result


def make_desired(world: World, inputs: Mapping[str, Any], check: bool) -> tuple[Desired, list[str]]:
    """Turn (checked) inputs into the desired state; an unknown group is a problem, in check mode a warning."""
    root, raws = inputs["shares_root"], list(inputs.get("shares_list") or [])
    try:
        gids = group_ids(world)
    except ExchangeError as error:
        raise RefusedError([str(error)]) from error
    missing = sorted({group for raw in raws for group in raw.get("access") or {}} - set(gids))
    texts = [
        f"group \"{group}\" is neither in the lab's roster nor on the host; add it to the lab's groups"
        for group in missing
    ]
    if missing and not check:
        raise RefusedError(texts)
    gids.update(dict.fromkeys(missing, -1))
    options, free = inputs.get("shares_options") or {}, inputs.get("shares_min_free_percent") or 0
    shares = [desired_share(raw, root=root, options=options, gids=gids, min_free_percent=free) for raw in raws]
    files = {EXCHANGE: File(exchange_file(shares), 0o644)}
    if shares:
        drop_in_path, text = drop_in(root)
        files[drop_in_path] = File(text, 0o644)
        files[HEALTH] = File(health_file(shares, float(inputs.get("shares_health_timeout_seconds") or 20)), 0o600)
    for name in sorted({share.credentials for share in shares if share.credentials}):
        value = inputs["shares_credentials"][name]
        files[f"{CREDENTIALS}/{name}"] = File(credentials_file(value), 0o600)
    return Desired(root, tuple(shares), files), [f"{text} (in check mode its gid is shown as -1)" for text in texts]


def redacted(text: str) -> str:
    """Hide passwords, which foreign lines of fstab may hold."""
    return _SECRET.sub(r"\1********", text)


def diff(plan: Plan, before: bytes, exchange: File | None, desired: Desired) -> list[dict[str, str]]:
    """Return Ansible's diffs: fstab, what the others are told, and the steps in words. Credentials are never shown."""
    result = []
    for path, old, new in (
        (FSTAB, before, plan.fstab),
        (EXCHANGE, exchange.content if exchange else b"", desired.files[EXCHANGE].content),
    ):
        if old != new:
            shown = [redacted(decode(content).encode("utf-8", "backslashreplace").decode()) for content in (old, new)]
            if shown[0] == shown[1]:
                continue
            lines = difflib.unified_diff(shown[0].splitlines(True), shown[1].splitlines(True), path, path, n=1)
            result.append({"prepared": "".join(line if line.endswith("\n") else f"{line}\n" for line in lines)})
    if plan.actions:
        steps = (f"{a.what} {a.path}" + (f" ({a.reason})" if a.reason else "") for a in plan.actions)
        result.append({"prepared": "".join(f"+ {step}\n" for step in steps)})
    return result
