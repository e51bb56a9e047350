# Copyright (c) 2026, The labserver.jupyter authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Certificates of certbot that were on the host before, or that somebody made beside the inventory.

Where this collection uses certbot, the timer of its package is masked: it would renew without deploying. So what the
timer did for these certificates is done here at each run, by their own settings, and their end is watched.
"""

from __future__ import annotations

import shutil
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path

from .._common import process, words
from .._common.clock import stamp
from . import acme, decide
from .model import Config
from .state import State
from .world import World
from .x509 import inspect

PREFIX = "certbot/"
"""Before the name, in the state of all certificates: no certificate of the inventory has a slash in its name."""
SOURCE = "certbot"
TIMER = "etc/systemd/system/certbot.timer"
WARN_FRACTION = 0.25
TRIES_BEFORE_WARNING = 2


def lineages(root: Path, config: Config) -> list[str]:
    """Return the names of certbot's certificates that the inventory does not name."""
    own = {entry.name for entry in config.entries if entry.source == "acme"}
    return sorted(path.stem for path in (root / acme.CONFIG / "renewal").glob("*.conf") if path.stem not in own)


def attend(world: World, config: Config, log: process.Sink, before: Mapping[str, State]) -> dict[str, State]:
    """Have certbot renew what is due, where its own timer is masked; returns the state of each such certificate."""
    takes_over = any(entry.source == "acme" for entry in config.entries) or _masked(world.root)
    states = {}
    for name in lineages(world.root, config):
        old = before.get(PREFIX + name, State())
        failed = _renew(world.root, name, config, log) if takes_over else ""
        states[PREFIX + name] = _state(world, name, replace(old, failed=failed), old.failures)
    return states


def _masked(root: Path) -> bool:
    """Tell whether the timer of certbot's package is masked; it stays so when the inventory names no acme any more."""
    try:
        return (root / TIMER).readlink() == Path("/dev/null")
    except OSError:
        return False


def _renew(root: Path, name: str, config: Config, log: process.Sink) -> str:
    """Run ``certbot renew`` for one name, which does nothing before it is due; returns why it failed."""
    programs = [entry.options.get("program") or "certbot" for entry in config.entries if entry.source == "acme"]
    program = "certbot" if shutil.which("certbot") or not programs else programs[0]
    command = [program, "renew", "--cert-name", name, "--non-interactive", "--no-random-sleep-on-renew"]
    command += ["--config-dir", str(root / acme.CONFIG), "--work-dir", str(root / "var/lib/letsencrypt")]
    command += ["--logs-dir", str(root / "var/log/letsencrypt")]
    result, output = process.capture(command, acme.TIMEOUT_SECONDS)
    log(output.encode())
    return "" if not result.status else result.reason or f"certbot failed: {acme.reason(root, output)}"


def _state(world: World, name: str, state: State, failures: int) -> State:
    """Return how the certificate stands; never critical, since nothing of this collection depends on it."""
    path = world.root / acme.CONFIG / "live" / name / "fullchain.pem"
    count = failures + 1 if state.failed else 0
    try:
        found = inspect(path.read_bytes())
    except (OSError, ValueError) as error:
        why = error.strerror if isinstance(error, OSError) else str(error)
        message = f"not in the inventory, and /{path.relative_to(world.root)} cannot be read: {words.clean(why)}"
        return replace(state, source=SOURCE, level="warning", message=message, failures=count)
    days = (found.not_after - world.now()).total_seconds() / 86400
    parts = [f"expired {-days:.0f} days ago" if days < 0 else f"{days:.0f} days left", "not in the inventory"]
    parts += [f"renewal failed {count} times: {state.failed}"] if state.failed else []
    well = decide.level(found, WARN_FRACTION, world.now()) == "ok" and count < TRIES_BEFORE_WARNING
    return replace(
        state,
        names=tuple(sorted(found.names)),
        source=SOURCE,
        level="ok" if well else "warning",
        message="; ".join(parts),
        not_before=stamp(found.not_before),
        not_after=stamp(found.not_after),
        fingerprint=found.fingerprint,
        failures=count,
    )
