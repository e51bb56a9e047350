# Copyright (c) 2026, The labserver.jupyter authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Whether an installed certificate is due, and how bad its state is, with the reason in one line."""

from __future__ import annotations

from datetime import datetime
from pathlib import Path

from .._common.clock import SKEW
from . import authority, decide, sources, state, store
from .model import Config, Entry
from .state import State
from .store import Installed, Pair
from .x509 import inspect, missing_intermediate, split

LEVELS = ("ok", "warning", "critical")
TRIES_BEFORE_WARNING = 2  # failures in a row while there is plenty of time left


def why(root: Path, entry: Entry, installed: Installed | None, old: State, now: datetime) -> str:
    """Return why a new certificate is needed for the entry; empty when the present one will do."""
    if installed is None or installed.placeholder:
        return decide.due(None, entry.names, None, now)
    reason = decide.due(installed.certificate, entry.names, entry.renew_fraction, now)
    if reason:
        return reason
    if entry.source != "self_signed" and installed.certificate.self_signed and entry.source != "files":
        return f"it is self-signed and the source is {entry.source}"
    if old.source and old.source != entry.source:
        return f"the source was {old.source} and is {entry.source}"
    return _why_signed_anew(root, installed.pair, now) if entry.source == "internal_ca" else ""


def _why_signed_anew(root: Path, pair: Pair, now: datetime) -> str:
    if pair.ca != authority.root_certificate(root):
        return "the lab's authority is a new one"
    if chain_problems(Pair(b"", pair.chain), now) and not authority.is_issuer_of(root, pair.chain):
        return "the issuer that signed it is not valid"
    return ""


def due(root: Path, config: Config, now: datetime) -> dict[str, str]:
    """Return certificate -> why it would be renewed now; for check mode, touches nothing."""
    states = state.read(root)
    reasons = {
        entry.name: why(root, entry, store.read(root, entry.name), states.get(entry.name, State()), now)
        for entry in config.entries
    }
    return {name: reason for name, reason in reasons.items() if reason}


def chain_problems(pair: Pair, now: datetime) -> list[str]:
    """Return why clients refuse what is above the certificate: no longer valid, or not yet."""
    above = {each.fingerprint: each for each in map(inspect, [*split(pair.chain)[1:], *split(pair.ca)])}
    found = []
    for each in above.values():
        if each.not_after <= now:
            found.append(f'"{each.subject}" above it has expired on {each.not_after:%Y-%m-%d}')
        if each.not_before > now + SKEW:
            found.append(
                f'"{each.subject}" above it is valid only from {each.not_before:%Y-%m-%d}; it was made while the clock'
                " was wrong and has to be made again"
            )
    return found


def verdict(entry: Entry, found: State, installed: Installed, now: datetime) -> tuple[str, str]:
    """Return how bad the state of a certificate is (one of LEVELS), and why, in one line."""
    level = decide.level(installed.certificate, entry.warn_fraction, now)
    days = (installed.certificate.not_after - now).total_seconds() / 86400
    parts = [f"expired {-days:.0f} days ago" if days < 0 else f"{days:.0f} days left"]
    if installed.certificate.not_before > now + SKEW:
        parts.append("it is not valid yet; is the clock right?")

    def at_least(wanted: str, text: str) -> None:
        nonlocal level
        level = max(level, wanted, key=LEVELS.index)
        parts.append(text)

    for problem in chain_problems(installed.pair, now):
        at_least("critical", problem)
    missing = missing_intermediate(installed.pair.chain, installed.pair.ca)
    if missing:
        at_least("warning", missing)
    if installed.placeholder:
        at_least("critical" if found.failures >= TRIES_BEFORE_WARNING else "warning", "only a stand-in so far")
    if found.failed:
        urgent = found.failures >= TRIES_BEFORE_WARNING or level != "ok"
        text = f"renewal failed {found.failures} times: {found.failed}"
        at_least("warning" if urgent or entry.source in sources.PASSIVE else "ok", text)
    for name, target in found.targets.items():
        if target.pending:
            at_least("warning", f"not deployed to {name}: {target.pending}")
        elif target.served == "unreachable":
            at_least("warning", f"{name} does not answer")
    return level, "; ".join(parts)
