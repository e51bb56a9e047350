# Copyright (c) 2026, The labserver.jupyter authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""``labserver renew``: get what is due, install it, deploy it, look at what is served, and say how it stands.

Safe to run as often as one likes: only what is due, pending or not served as it should be is touched.
Exit status: 0 well, 1 warning, 2 critical, 3 busy (another run is at work).
"""

from __future__ import annotations

import fcntl
import os
import socket
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from datetime import datetime
from pathlib import Path
from typing import Any

from .._common.process import Sink
from .._schedule.run import World
from .._schedule.status import stamp
from . import acme, authority, decide, deploy, model, sources, store, trust
from . import state as certificates_state
from .model import Config, Entry, SourceError
from .state import CertState
from .store import Installed
from .x509 import SKEW, inspect, pair_problems

LOCK = "run/lock/labserver-certificates.lock"
PLACEHOLDER_DAYS = 30
LEVELS = ("ok", "warning", "critical")
EXIT = {"ok": 0, "warning": 1, "critical": 2}
TRIES_BEFORE_WARNING = 2  # failures in a row while there is plenty of time left


@dataclass(frozen=True)
class Outcome:
    """What a run did: certificates installed, targets deployed, trust files written; and how all stands now."""

    states: dict[str, CertState]
    renewed: tuple[str, ...] = ()
    deployed: tuple[str, ...] = ()
    trusted: tuple[str, ...] = ()
    problems: tuple[str, ...] = ()

    @property
    def level(self) -> str:
        levels = [state.level for state in self.states.values()] + ["warning" for _problem in self.problems]
        return max(levels, key=LEVELS.index, default="ok")

    @property
    def changed(self) -> bool:
        return bool(self.renewed or self.deployed or self.trusted)


@dataclass
class Run:
    """One run over all certificates; collects what was done."""

    world: World
    log: Sink
    force: bool = False
    renewed: list[str] = field(default_factory=list)
    deployed: list[str] = field(default_factory=list)
    trusted: list[str] = field(default_factory=list)
    problems: list[str] = field(default_factory=list)

    @property
    def root(self) -> Path:
        return self.world.root

    def say(self, text: str) -> None:
        self.log(f"{stamp(self.world.now())} {text}\n".encode())


@contextmanager
def locked(world: World) -> Iterator[bool]:
    """Hold the lock of the certificates; yields False when another run holds it."""
    path = world.root / LOCK
    path.parent.mkdir(parents=True, exist_ok=True)
    descriptor = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        os.close(descriptor)
        yield False
        return
    try:
        yield True
    finally:
        os.close(descriptor)


def ca_names(config: Config) -> list[str]:
    """All names for which this host's issuer has to be good."""
    return sorted({name for entry in config.entries if entry.source == "internal_ca" for name in entry.names})


def why(root: Path, entry: Entry, installed: Installed | None, state: CertState, now: datetime) -> str:
    """Why a new certificate has to be got for the entry; empty when the present one will do."""
    if installed is None or installed.placeholder:
        return decide.due(None, entry.names, None, now)
    reason = decide.due(installed.certificate, entry.names, entry.renew_fraction, now)
    if reason:
        return reason
    if entry.source != "self_signed" and installed.certificate.self_signed and entry.source != "files":
        return f"it is self-signed and the source is {entry.source}"
    if state.source and state.source != entry.source:
        return f"the source was {state.source} and is {entry.source}"
    if entry.source == "internal_ca" and installed.pair.ca != authority.root_certificate(root):
        return "the lab's authority is a new one"
    return ""


def plan(root: Path, config: Config, now: datetime) -> dict[str, str]:
    """Certificate -> why it would be got now; for check mode, touches nothing."""
    states = certificates_state.read(root)
    reasons = {
        entry.name: why(root, entry, store.read(root, entry.name), states.get(entry.name, CertState()), now)
        for entry in config.entries
    }
    return {name: reason for name, reason in reasons.items() if reason}


def renew(world: World, log: Sink, only: Sequence[str] = (), force: bool = False) -> Outcome:
    """Do one run. The caller holds the lock. Raises OSError and ValueError when the configuration cannot be read."""
    config = model.load(world.root)
    known = [entry.name for entry in config.entries]
    unknown = [name for name in only if name not in known]
    if unknown:
        raise ValueError(f"there is no certificate {', '.join(unknown)}; there are: {', '.join(known) or 'none'}")
    before = certificates_state.read(world.root)
    run = Run(world, log, force)
    run.problems.extend(config.problems)
    _authority(run, config)
    states: dict[str, CertState] = {}
    for entry in config.entries:
        old = before.get(entry.name, CertState())
        if only and entry.name not in only:
            states[entry.name] = old
            continue
        try:
            states[entry.name] = _one(run, entry, old)
        except Exception as error:
            states[entry.name] = replace(old, level="critical", message=f"{type(error).__name__}: {error}")
        run.say(f"{entry.name}: {states[entry.name].level}: {states[entry.name].message}")
    try:
        certificates_state.write(world.root, states, stamp(world.now()))
    except OSError as error:
        run.problems.append(f"/{certificates_state.PATH} could not be written: {error.strerror}")
    return Outcome(states, tuple(run.renewed), tuple(run.deployed), tuple(run.trusted), tuple(run.problems))


def _authority(run: Run, config: Config) -> None:
    """Keep the root and this host's issuer, and have the host trust the root."""
    settings: dict[str, Any] = dict(config.ca)
    if not settings:
        return
    names = ca_names(config)
    host = run.world.host or socket.gethostname()
    try:
        if settings.get("keeper"):
            if authority.ensure_root(run.root, settings, names, host):
                run.trusted.append("the lab's authority was made")
            csr = authority.request(run.root, names, run.world.now()) if names else b""
            if csr:
                issuer = authority.sign(run.root, host, names, csr, settings.get("networks") or ())
                authority.accept(run.root, authority.root_certificate(run.root), issuer, names)
        anchor = authority.root_certificate(run.root)
        if anchor:
            # The system's store is that of the running system, not of a folder.
            command = trust.run if run.root == Path("/") else lambda _argv: 0
            run.trusted.extend(trust.ensure(run.root, anchor, settings.get("registries") or [], command))
            left = inspect(anchor).fraction_left(run.world.now())
            if left < decide.CRITICAL_FRACTION:
                run.problems.append(f"the lab's authority has only {left:.0%} of its lifetime left")
        if names and not settings.get("keeper"):
            problem = authority.issuer_problem(run.root, names, run.world.now())
            if problem:
                run.problems.append(f"{problem}; run the playbook")
    except (authority.CaError, OSError, ValueError) as error:
        run.problems.append(str(error))


def _one(run: Run, entry: Entry, old: CertState) -> CertState:
    """Renew, install and deploy one certificate."""
    installed = store.read(run.root, entry.name)
    reason = "it was asked for" if run.force else why(run.root, entry, installed, old, run.world.now())
    state = replace(old, names=entry.names)
    if reason and (run.force or not old.waits(run.world.now())):
        run.say(f"{entry.name}: is got anew from {entry.source}: {reason}")
        state, installed = _get(run, entry, state, installed)
    elif not reason and entry.source in sources.PASSIVE:
        state, installed = _get(run, entry, state, installed)
    elif not reason and entry.source == "acme" and not old.waits(run.world.now()):
        state, installed = _ask_authority(run, entry, state, installed)
    elif not reason:
        state = replace(state, failures=0, failed="", next_try="")
    if installed is None:
        run.say(f"{entry.name}: a self-signed one stands in until the first real one")
        pair = authority.self_signed(entry.names, entry.key_type, PLACEHOLDER_DAYS)
        store.install(run.root, entry.name, pair, placeholder=True)
        installed = store.read(run.root, entry.name)
        run.renewed.append(entry.name)
    if installed is None:
        return replace(state, level="critical", message="there is no certificate and none could be made")
    if installed.hsts != (entry.hsts and not installed.placeholder):
        store.set_hsts(run.root, entry.name, entry.hsts and not installed.placeholder)
        installed = store.read(run.root, entry.name) or installed
    return _deploy_all(run, entry, state, installed)


def _ask_authority(
    run: Run, entry: Entry, state: CertState, installed: Installed | None
) -> tuple[CertState, Installed | None]:
    """Let a client that knows RFC 9773 ask the authority whether it wants the certificate renewed early."""
    try:
        if not acme.has_ari(entry.options) or acme.damage(run.root / acme.CONFIG, entry.name):
            return replace(state, failures=0, failed="", next_try=""), installed
        pair = acme.get(entry, run.root, run.world.now(), run.log, force=False)
    except (SourceError, OSError, ValueError) as error:
        run.say(f"{entry.name}: the authority could not be asked: {error}")
        return state, installed
    return _accept(run, entry, state, installed, pair)


def _get(run: Run, entry: Entry, state: CertState, installed: Installed | None) -> tuple[CertState, Installed | None]:
    first = installed is None or installed.placeholder
    try:
        pair = sources.get(entry, run.root, run.world.now(), run.log, first)
        return _accept(run, entry, state, installed, pair)
    except (SourceError, OSError, ValueError) as error:
        failures = state.failures + 1
        wait = decide.wait_after(failures, getattr(error, "rate_limited", False))
        text = error.strerror if isinstance(error, OSError) and error.strerror else str(error)
        # Only somebody else's patience needs to be spared; what is made on this host is tried at every run.
        again = stamp(run.world.now() + wait) if entry.source in sources.REMOTE else ""
        return replace(state, failures=failures, failed=text, next_try=again), installed


def _accept(
    run: Run, entry: Entry, state: CertState, installed: Installed | None, pair: store.Pair
) -> tuple[CertState, Installed | None]:
    """Install what a source gave, unless it is unfit or worse than what is there. Raises SourceError, OSError."""
    now = run.world.now()  # after the source: a fresh certificate would otherwise begin in the future
    found = pair_problems(pair.key, pair.chain, entry.names, now)
    if found:
        raise SourceError(f"what {entry.source} gave is not installed: {'; '.join(found)}")
    fresh = inspect(pair.chain)
    done = replace(state, failures=0, failed="", next_try="", source=entry.source)
    present = installed if installed and not installed.placeholder else None
    if present and present.certificate.fingerprint == fresh.fingerprint and present.pair.chain == pair.chain:
        return done, installed
    moved = bool(state.source) and state.source != entry.source
    worse = decide.worse(fresh, present.certificate if present else None, entry.names, now, moved)
    if worse and not run.force:
        raise SourceError(
            f"what {entry.source} gave is not installed: {worse} (labserver renew --force {entry.name} does)"
        )
    store.install(run.root, entry.name, pair, hsts=entry.hsts)
    run.renewed.append(entry.name)
    return replace(done, renewed=stamp(now)), store.read(run.root, entry.name)


def _deploy_all(run: Run, entry: Entry, state: CertState, installed: Installed) -> CertState:
    tools = deploy.Tools(run.log, run.world.sleep)
    targets = {}
    for target in entry.targets:
        before = state.targets.get(target.name, deploy.TargetState())
        targets[target.name], done = deploy.deploy(target, installed, before, tools)
        if done:
            run.deployed.append(f"{entry.name}: {target.name}")
    certificate = installed.certificate
    state = replace(
        state,
        not_before=stamp(certificate.not_before),
        not_after=stamp(certificate.not_after),
        fingerprint=certificate.fingerprint,
        placeholder=installed.placeholder,
        targets=targets,
    )
    level, message = judge(entry, state, installed, run.world.now())
    return replace(state, level=level, message=message)


def judge(entry: Entry, state: CertState, installed: Installed, now: datetime) -> tuple[str, str]:
    """How bad the state of a certificate is, and why, in one line."""
    level = decide.level(installed.certificate, entry.warn_fraction, now)
    days = (installed.certificate.not_after - now).total_seconds() / 86400
    parts = [f"expired {-days:.0f} days ago" if days < 0 else f"{days:.0f} days left"]
    if installed.certificate.not_before > now + SKEW:
        parts.append("it is not valid yet; is the clock right?")

    def at_least(wanted: str, text: str) -> None:
        nonlocal level
        level = max(level, wanted, key=LEVELS.index)
        parts.append(text)

    if installed.placeholder:
        at_least("critical" if state.failures >= TRIES_BEFORE_WARNING else "warning", "only a stand-in so far")
    if state.failed:
        urgent = state.failures >= TRIES_BEFORE_WARNING or level != "ok"
        text = f"renewal failed {state.failures} times: {state.failed}"
        at_least("warning" if urgent or entry.source in sources.PASSIVE else "ok", text)
    for name, target in state.targets.items():
        if target.pending:
            at_least("warning", f"not deployed to {name}: {target.pending}")
        elif target.served == "unreachable":
            at_least("warning", f"{name} does not answer")
    return level, "; ".join(parts)
