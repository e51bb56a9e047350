# Copyright (c) 2026, The labserver.jupyter authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""``labserver renew``: get what is due, install it, deploy it, look at what is served, and say how it stands.

Safe to run as often as one likes: only what is due, pending or not served as it should be is touched.
Exit status: 0 ok, 1 warning, 2 critical, 3 busy (another run is at work).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path

from .._common.clock import stamp
from .._common.process import Sink
from . import acme, build, decide, deploy, foreign, judge, model, pem, sources, state, store, upkeep
from .model import Entry, SourceError
from .state import State
from .store import Installed
from .world import World
from .x509 import inspect, pair_problems

LOCK = "certificates"
PLACEHOLDER_DAYS = 30


@dataclass(frozen=True)
class Outcome:
    """What a run did: certificates installed, targets deployed, trust files written; and how all stands now."""

    states: dict[str, State]
    renewed: tuple[str, ...] = ()
    deployed: tuple[str, ...] = ()
    trusted: tuple[str, ...] = ()
    problems: tuple[str, ...] = ()

    @property
    def level(self) -> str:
        levels = [each.level for each in self.states.values()] + ["warning" for _problem in self.problems]
        return max(levels, key=judge.LEVELS.index, default="ok")

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


def renew(world: World, log: Sink, only: Sequence[str] = (), force: bool = False) -> Outcome:
    """Do one run. The caller holds the lock. Raises OSError and ValueError when the configuration cannot be read."""
    config = model.load(world.root)
    known = [entry.name for entry in config.entries]
    unknown = [name for name in only if name not in known]
    if unknown:
        raise ValueError(f"there is no certificate {', '.join(unknown)}; there are: {', '.join(known) or 'none'}")
    before = state.read(world.root)
    run = Run(world, log, force)
    run.problems.extend(config.problems)
    kept = upkeep.keep(world, config)
    run.trusted.extend(kept.done)
    run.problems.extend(kept.problems)
    states: dict[str, State] = {}
    for entry in config.entries:
        old = before.get(entry.name, State())
        if only and entry.name not in only:
            states[entry.name] = old
            continue
        try:
            states[entry.name] = _one(run, entry, old)
        except Exception as error:
            states[entry.name] = replace(old, level="critical", message=f"{type(error).__name__}: {error}")
        run.say(f"{entry.name}: {states[entry.name].level}: {states[entry.name].message}")
    if not only:
        states |= foreign.attend(world, config, log, before)
    try:
        state.write(world.root, states, stamp(world.now()))
    except OSError as error:
        run.problems.append(f"/{state.PATH} could not be written: {error.strerror}")
    return Outcome(states, tuple(run.renewed), tuple(run.deployed), tuple(run.trusted), tuple(run.problems))


def _one(run: Run, entry: Entry, old: State) -> State:
    """Renew, install and deploy one certificate."""
    installed = _without_key(run, entry.name, store.read(run.root, entry.name))
    reason = "asked for by hand" if run.force else judge.why(run.root, entry, installed, old, run.world.now())
    new = replace(old, names=entry.names)
    if reason and (run.force or not old.waits(run.world.now())):
        run.say(f"{entry.name}: renewing from {entry.source}: {reason}")
        new, installed = _get(run, entry, new, installed)
    elif not reason and entry.source in sources.PASSIVE:
        new, installed = _get(run, entry, new, installed)
    elif not reason and entry.source == "acme" and not old.waits(run.world.now()):
        new, installed = _ask_authority(run, entry, new, installed)
    elif not reason:
        new = replace(new, failures=0, failed="", next_try="")
    if installed is None:
        run.say(f"{entry.name}: installing a self-signed certificate until the first real one is there")
        pair = build.self_signed(entry.names, entry.key_type, PLACEHOLDER_DAYS)
        store.install(run.root, entry.name, pair, placeholder=True)
        installed = store.read(run.root, entry.name)
        run.renewed.append(entry.name)
    if installed is None:
        return replace(new, level="critical", message="there is no certificate and none could be made")
    if installed.hsts != (entry.hsts and not installed.placeholder):
        store.set_hsts(run.root, entry.name, entry.hsts and not installed.placeholder)
        installed = store.read(run.root, entry.name) or installed
    return _deploy_all(run, entry, new, installed)


def _without_key(run: Run, name: str, installed: Installed | None) -> Installed | None:
    """Take a key out of cert.pem, which everybody may read: earlier versions installed what they got as it was."""
    if installed is None or b"PRIVATE KEY" not in installed.pair.chain:
        return installed
    run.say(f"{name}: taking the private key out of cert.pem; get a new key, others could read this one")
    pair = replace(installed.pair, chain=pem.certificates(installed.pair.chain))
    store.install(run.root, name, pair, installed.placeholder, installed.hsts)
    return store.read(run.root, name)


def _ask_authority(run: Run, entry: Entry, old: State, installed: Installed | None) -> tuple[State, Installed | None]:
    """Let a client that knows RFC 9773 ask the authority whether it wants the certificate renewed early."""
    try:
        if not acme.has_ari(entry.options) or acme.damage(run.root / acme.CONFIG, entry.name):
            return replace(old, failures=0, failed="", next_try=""), installed
        pair = acme.get(entry, run.root, run.world.now(), run.log, force=False)
    except (SourceError, OSError, ValueError) as error:
        run.say(f"{entry.name}: the authority could not be asked: {error}")
        return old, installed
    return _accept(run, entry, old, installed, pair)


def _get(run: Run, entry: Entry, old: State, installed: Installed | None) -> tuple[State, Installed | None]:
    first = installed is None or installed.placeholder
    try:
        pair = sources.get(entry, run.root, run.world.now(), run.log, first)
        return _accept(run, entry, old, installed, pair)
    except (SourceError, OSError, ValueError) as error:
        failures = old.failures + 1
        wait = decide.wait_after(failures, getattr(error, "rate_limited", False))
        text = error.strerror if isinstance(error, OSError) and error.strerror else str(error)
        # Only somebody else's patience needs to be spared; what is made on this host is tried at every run.
        again = stamp(run.world.now() + wait) if entry.source in sources.REMOTE else ""
        return replace(old, failures=failures, failed=text, next_try=again), installed


def _accept(
    run: Run, entry: Entry, old: State, installed: Installed | None, pair: store.Pair
) -> tuple[State, Installed | None]:
    """Install what a source gave, unless it is unfit or worse than what is there. Raises SourceError, OSError."""
    now = run.world.now()  # after the source: a fresh certificate would otherwise begin in the future
    try:
        pair = replace(pair, key=pem.private_key(pair.key), chain=pem.certificates(pair.chain))
    except ValueError as error:
        raise SourceError(f"what {entry.source} gave is not installed: {error}") from error
    found = pair_problems(pair.key, pair.chain, entry.names, now)
    if found:
        raise SourceError(f"what {entry.source} gave is not installed: {'; '.join(found)}")
    fresh = inspect(pair.chain)
    done = replace(old, failures=0, failed="", next_try="", source=entry.source)
    present = installed if installed and not installed.placeholder else None
    if present and present.certificate.fingerprint == fresh.fingerprint and present.pair.chain == pair.chain:
        return done, installed
    moved = bool(old.source) and old.source != entry.source
    worse = decide.worse(fresh, present.certificate if present else None, entry.names, now, moved)
    if worse and not run.force:
        raise SourceError(
            f"what {entry.source} gave is not installed: {worse} (labserver renew --force {entry.name} does)"
        )
    store.install(run.root, entry.name, pair, hsts=entry.hsts)
    run.renewed.append(entry.name)
    return replace(done, renewed=stamp(now)), store.read(run.root, entry.name)


def _deploy_all(run: Run, entry: Entry, old: State, installed: Installed) -> State:
    tools = deploy.Tools(run.log, run.world.sleep)
    targets = {}
    for target in entry.targets:
        before = old.targets.get(target.name, deploy.TargetState())
        targets[target.name], done = deploy.deploy(target, installed, before, tools)
        if done:
            run.deployed.append(f"{entry.name}: {target.name}")
    certificate = installed.certificate
    new = replace(
        old,
        not_before=stamp(certificate.not_before),
        not_after=stamp(certificate.not_after),
        fingerprint=certificate.fingerprint,
        placeholder=installed.placeholder,
        targets=targets,
    )
    level, message = judge.verdict(entry, new, installed, run.world.now())
    return replace(new, level=level, message=message)
