# Copyright (c) 2026, The labserver.jupyter authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Keeps people's servers apart on this host: looks at the rules in the kernel, and mends them."""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

from .._common import process
from .._common.files import tell_kernel
from .._common.words import clean
from . import rules

CONFIG = Path("/etc/labserver/hub/network.json")
SWITCH = "sys/net/bridge/bridge-nf-call-iptables"
"""Without it what passes between two containers of one bridge is seen by no rule."""
COMMAND_SECONDS = 20
TABLES = ("filter", "mangle")

Runner = Callable[[Sequence[str], str], tuple[int, str]]


def run(command: Sequence[str], stdin: str) -> tuple[int, str]:
    """Run a command; returns its exit status and its output with the errors after it."""
    done = process.call(command, COMMAND_SECONDS, stdin=stdin.encode())
    if done.timed_out or done.status == process.NOT_FOUND:
        return done.status, done.reason
    return done.status, (done.output + done.errors).decode("utf-8", "replace")


@dataclass(frozen=True)
class World:
    """The host: its kernel's switches, and how commands are run."""

    proc: Path = Path("/proc")
    run: Runner = run


@dataclass(frozen=True)
class Outcome:
    """How it stands: ``reason`` says why servers are not apart (empty: they are), ``mended`` what was wrong before."""

    reason: str = ""
    mended: tuple[str, ...] = ()

    @property
    def isolated(self) -> bool:
        """Whether people's servers are kept apart now."""
        return not self.reason


def desired(path: Path = CONFIG) -> rules.Desired:
    """Read the file that the role writes; raises ValueError when it cannot be used."""
    try:
        return rules.Desired.of(json.loads(path.read_bytes()))
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise ValueError(f"{path} cannot be used ({error!r}); run the playbook") from error


def converge(world: World, wanted: rules.Desired) -> Outcome:
    """Look at the rules as they are in the kernel, mend them, and look again."""
    reason = bridge_filtered(world)
    if reason:
        return Outcome(reason)
    plan = look(world, wanted)
    if isinstance(plan, str):
        return Outcome(plan)
    if not plan.problems:
        return Outcome()
    status, said = world.run(["iptables-restore", "--noflush", "--wait", "10"], plan.restore)
    if status != 0:
        return Outcome(f"{'; '.join(plan.problems)}; and iptables-restore failed: {clean(said)}")
    again = look(world, wanted)
    if isinstance(again, str):
        return Outcome(again)
    return Outcome("; ".join(again.problems), plan.problems)


def look(world: World, wanted: rules.Desired) -> rules.Plan | str:
    """Return what the kernel's rules lack, or in words why they cannot be read."""
    saved = ""
    for table in TABLES[: 2 if wanted.mark else 1]:
        status, said = world.run(["iptables-save", "-t", table], "")
        if status != 0:
            return f"iptables-save failed: {clean(said)}"
        saved += said
    return rules.compare(wanted, saved)


def bridge_filtered(world: World) -> str:
    """Have the kernel show bridged packets to the rules; returns why it does not, empty when it does."""
    switch = world.proc / SWITCH
    if not switch.exists():
        world.run(["modprobe", "--quiet", "br_netfilter"], "")
    try:
        if switch.read_text().strip() != "1":
            tell_kernel(switch, "1\n")
    except OSError:
        return (
            "the kernel module br_netfilter is missing; install the kernel's modules, or boot the kernel whose modules"
            " are there"
        )
    return ""


def withdraw(world: World) -> str:
    """Take the rules away again; returns what went wrong, empty when nothing did."""
    for table in TABLES:
        status, saved = world.run(["iptables-save", "-t", table], "")
        text = rules.withdrawal(saved) if status == 0 else ""
        if text:
            status, said = world.run(["iptables-restore", "--noflush", "--wait", "10"], text)
            if status != 0:
                return f"iptables-restore failed: {clean(said)}"
    return ""
