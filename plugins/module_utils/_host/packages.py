# Copyright (c) 2026, The labserver.jupyter authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Packages by apt, also on a host whose package lists are empty or old, and in check mode.

``ansible.builtin.apt`` trusts the age of a folder: an image whose lists were emptied today counts as fresh, and in
check mode nothing is ever fetched. Here apt is asked whether it knows the packages. The lists are a cache, so they are
fetched in check mode too: otherwise the first look at a bare host could not tell the truth.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace

OLD_SECONDS = 86400
LOCK_SECONDS = 300
"""How long to wait for another apt: unattended-upgrades works for minutes after the first boot of a cloud image."""
APT = ("apt-get", "-q", "-y", "-o", f"DPkg::Lock::Timeout={LOCK_SECONDS}")
ENVIRONMENT = {
    "LC_ALL": "C",
    "DEBIAN_FRONTEND": "noninteractive",
    "APT_LISTCHANGES_FRONTEND": "none",
    # needrestart(1), part of Ubuntu's servers, would restart services, the Docker engine among them.
    "NEEDRESTART_SUSPEND": "1",
}
NOT_FOUND = 127
"""Exit status of a command that is not installed."""
CANDIDATE = re.compile(r"^(\S+):\n(?: .*\n)*?  Candidate: (.+)$", re.MULTILINE)

Run = Callable[[Sequence[str]], tuple[int, str]]


class PackagesError(Exception):
    """The packages cannot be installed."""


@dataclass(frozen=True)
class Desired:
    """``refresh`` fetches the lists before anything is installed, because a source was added.

    ``kernel_modules`` maps a module of the kernel to the package that brings it; it is wanted where the running kernel
    lacks the module and apt knows the package. ``lists`` makes sure that there are lists though nothing is to be
    installed.
    """

    names: tuple[str, ...]
    refresh: bool = False
    lists: bool = False
    kernel_modules: Mapping[str, str] | None = None


@dataclass(frozen=True)
class World:
    """``run`` returns exit status (NOT_FOUND: not installed) and output of a command.

    ``lists_age`` is in seconds, None without lists.
    """

    run: Run
    lists_age: Callable[[], float | None]
    sleep: Callable[[float], None]


@dataclass(frozen=True)
class Current:
    missing: tuple[str, ...]
    unknown: tuple[str, ...]
    lists_age: float | None


@dataclass(frozen=True)
class Plan:
    """``refresh`` is the reason to fetch the lists first; empty where they are good."""

    install: tuple[str, ...]
    refresh: str = ""


@dataclass(frozen=True)
class Outcome:
    """``installed`` has every package that was or would be installed, with its version."""

    missing: tuple[str, ...] = ()
    installed: tuple[str, ...] = ()
    refreshed: str = ""


def read(desired: Desired, world: World) -> Current:
    """Ask dpkg what is installed, and apt whether it knows the rest."""
    missing = _missing(desired.names, world)
    optional: list[str] = []
    for module, package in (desired.kernel_modules or {}).items():
        # A container may have no modprobe, and no modules of its own.
        if world.run(["modprobe", "--dry-run", "--quiet", module])[0] not in (0, NOT_FOUND):
            optional += _missing([package], world)
    known = _known([*missing, *optional], world)
    wanted = (*missing, *(name for name in optional if name in known))
    unknown = tuple(name for name in missing if name not in known)
    asked = bool(missing or optional or desired.lists)
    return Current(wanted, unknown, world.lists_age() if asked else 0.0)


def compare(desired: Desired, current: Current) -> Plan:
    """Decide what to install, and whether apt's lists have to be fetched before."""
    reason = ""
    if not current.missing:
        reason = "the host has no package lists" if current.lists_age is None else ""
    elif desired.refresh:
        reason = "a package source was added"
    elif current.lists_age is None:
        reason = "the host has no package lists"
    elif current.unknown:
        reason = f"apt does not know {', '.join(current.unknown)}"
    elif current.lists_age > OLD_SECONDS:
        reason = f"the package lists are {current.lists_age / 3600:.0f} hours old"
    return Plan(current.missing, reason)


def converge(desired: Desired, world: World, *, check: bool = False) -> Outcome:
    """Install what is missing, or only find out what would be installed; raise PackagesError with apt's own words."""
    plan = compare(desired, read(desired, world))
    complaints = ""
    if plan.refresh:
        complaints = _refresh(world)
        current = read(desired, world)
        if current.unknown:
            raise PackagesError(_unknown(current.unknown, complaints))
        plan = replace(plan, install=current.missing)  # by now apt may know the package of a kernel module
    if not plan.install:
        if plan.refresh and desired.lists and world.lists_age() is None:
            raise PackagesError(f"the package lists cannot be fetched: {complaints or 'apt names no source'}")
        return Outcome(refreshed=plan.refresh)
    command = [*APT, "install", "--no-install-recommends", *(["--simulate"] if check else [])]
    command += ["-o", "Dpkg::Options::=--force-confdef", "-o", "Dpkg::Options::=--force-confold", *plan.install]
    status, said = world.run(command)
    refreshed = plan.refresh
    if status != 0 and not check and "dpkg --configure -a" in said:  # an earlier installation was cut off
        world.run(["dpkg", "--configure", "-a", "--force-confdef", "--force-confold"])
        status, said = world.run(command)
    if status != 0 and not refreshed and not check:  # the archive may have moved on since the lists were fetched
        refreshed = "the packages could not be fetched as the lists say"
        _refresh(world)
        status, said = world.run(command)
    if status != 0:
        raise PackagesError(f"apt cannot install {', '.join(plan.install)}: {_errors(said)}")
    return Outcome(plan.install, _simulated(said) if check else plan.install, refreshed)


def _missing(names: Sequence[str], world: World) -> tuple[str, ...]:
    if not names:
        return ()
    _status, said = world.run(["dpkg-query", "--show", "--showformat", "${db:Status-Abbrev}|${Package}\n", *names])
    found = [line.split("|") for line in said.splitlines() if re.match(r"[a-z]{2}.\|", line, re.IGNORECASE)]
    # "ii" and "hi" (held) are installed; "rc" is removed, "iU" and "iF" were cut off.
    installed = {name for state, name in found if state[1] == "i"}
    return tuple(dict.fromkeys(name for name in names if name not in installed))


def _known(names: Sequence[str], world: World) -> set[str]:
    if not names:
        return set()
    _status, said = world.run(["apt-cache", "policy", *names])
    return {name for name, version in CANDIDATE.findall(said) if version != "(none)"}


def _refresh(world: World) -> str:
    """Fetch the lists and return what apt complained about; wait while another apt holds them."""
    said = ""
    for _try in range(LOCK_SECONDS // 5):
        status, said = world.run([*APT, "update"])
        if status == 0 or "Could not get lock" not in said:
            break
        world.sleep(5)
    return _errors(said)


def _errors(said: str) -> str:
    lines = [line for line in said.splitlines() if line.startswith(("E:", "W:", "Err:"))]
    return "; ".join(lines[:4])


def _unknown(names: Sequence[str], complaints: str) -> str:
    text = (
        f"apt does not know {', '.join(names)}, although the package lists were just fetched. Look at the sources in"
        " /etc/apt/sources.list and /etc/apt/sources.list.d: 'main' has to be there, on Ubuntu 'universe' too"
    )
    return f"{text} (apt update said: {complaints})" if complaints else text


def _simulated(said: str) -> tuple[str, ...]:
    found = re.findall(r"^Inst (\S+)(?: \[[^]]*\])? \((\S+)", said, re.MULTILINE)
    return tuple(f"{name} {version}" for name, version in found)
