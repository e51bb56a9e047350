# Copyright (c) 2026, The labserver.jupyter authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Reads a host with an old hub into a ``Current``, for the most part as the doctor reads it. Changes nothing."""

from __future__ import annotations

import contextlib
import json
import os
import posixpath
import re
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any, Callable  # noqa: UP035  # collections.abc's cannot be subscripted by old Pythons

from .._common import labels, process, words
from .._doctor import read as doctor
from .._doctor import read_engine, read_host, read_hub
from .._doctor.handle import World as Host
from .._doctor.model import Container
from . import probe
from .model import Current, HostGroup, Hub, Passwords, People

STATE = "/var/lib/labserver/adopt/before.json"
ASK_SECONDS = 60.0
WAVE_SECONDS = 20.0
HUB_PYTHON = f"{read_hub.TLJH}/hub/bin/python3"
# What tljh/configurer.py takes where config.yaml says nothing.
CULL_SECONDS = 600


def ask(argv: Sequence[str]) -> tuple[int, str]:
    """Return exit status and words of a command; a Python that starts cold takes longer than what the doctor asks."""
    done = process.call(argv, ASK_SECONDS, environment={"LC_ALL": "C.UTF-8"})
    return done.status, done.output.decode("utf-8", "replace") if done.status == 0 else done.words


@dataclass(frozen=True)
class World:
    """The host: what the doctor reads through, and commands that may take longer."""

    host: Host = field(default_factory=Host)
    ask: Callable[[Sequence[str]], tuple[int, str]] = ask


def read(world: World) -> Current:
    """Return what there is on this host."""
    host = world.host
    seen = doctor.wave(
        {
            "accounts and homes": lambda: read_host.accounts(host),
            "the Docker engine": lambda: read_engine.engine(host),
            "shares": lambda: read_host.shares(host),
        },
        WAVE_SECONDS,
    )
    containers = seen.get("containers", ())
    kinds = doctor.kinds(host, containers)
    unread = list(seen["unread"])
    found = tljh(world) if "tljh" in kinds else None
    hubs = [] if found is None else [found]
    hubs += compose(world, containers)
    # Several hubs are refused, so that it does not matter whose people these are then.
    people, passwords = hubs[0][1:] if hubs else (People(), Passwords())
    accounts = seen.get("accounts", ())
    known = {account.name for account in accounts}
    store, size = registry(world, containers)
    return Current(
        kinds=kinds,
        adopted=adopted(host),
        ended=ended(host),
        hubs=tuple(each[0] for each in hubs),
        people=people,
        passwords=passwords,
        accounts=accounts,
        groups=groups(host),
        directory=directory(world, known, sorted(people.users | people.admins | frozenset(passwords.hashes))),
        shares=seen.get("shares", ()),
        containers=containers,
        registry_store=store,
        registry_bytes=size,
        packages=packages(host),
        free_bytes=free(host),
        unread=tuple(unread),
    )


def adopted(host: Host) -> str:
    """Return how far an earlier takeover came; a record that cannot be read is none that may be overwritten."""
    text = host.text(STATE)
    try:
        return str(json.loads(text)["state"]) if text else ""
    except (ValueError, KeyError, TypeError):
        return "unreadable"


def ended(host: Host) -> str:
    """Return why the host took an earlier takeover back by itself; empty when it did not, or nothing is known."""
    try:
        return str(json.loads(host.text(STATE) or "{}").get("ended", ""))
    except (ValueError, AttributeError):
        return ""


def groups(host: Host) -> tuple[HostGroup, ...]:
    """Return the groups of /etc/group."""
    found = []
    for line in host.lines("/etc/group"):
        name, _password, gid, members = (line.split(":") + [""] * 4)[:4]
        if gid.isdigit():
            found.append(HostGroup(name, int(gid), frozenset(filter(None, members.split(",")))))
    return tuple(found)


def directory(world: World, known: set[str], logins: Sequence[str]) -> frozenset[str]:
    """Return which accounts of people only the name service knows (LDAP, sssd, Active Directory)."""
    asked = [f"jupyter-{name}" for name in logins if re.fullmatch(r"[\w.-]{1,64}", name)]
    asked = [name for name in asked if name not in known]
    if not asked:
        return frozenset()
    # getent ends with 2 when one of the names is unknown, and prints the others all the same.
    _status, output = world.ask(["sh", "-c", 'getent passwd "$@" || true', "sh", *asked])
    return frozenset(line.split(":")[0] for line in output.splitlines()) & frozenset(asked)


def free(host: Host) -> int:
    """Return the free bytes where /var lies."""
    try:
        numbers = os.statvfs(host.path("/var"))
    except OSError:
        return 1 << 40
    return numbers.f_bavail * numbers.f_frsize


def packages(host: Host) -> tuple[str, ...]:
    """Return what is installed in the environment that people of TLJH share, by the names of its folders."""
    found = set()
    for path in host.listed(f"{read_hub.TLJH}/user/lib", "python3*/site-packages/*.dist-info"):
        name, dash, version = Path(path).name[: -len(".dist-info")].rpartition("-")
        if dash and re.fullmatch(r"[\w.]+", name):
            found.add(f"{name.replace('_', '-')}=={version}")
    return tuple(sorted(found, key=str.lower))


def _asked(world: World, python: Sequence[str], stores: Sequence[str], databases: Sequence[str]) -> Any:
    """Return versions, people and passwords as the old hub's Python tells them."""
    status, output = world.ask([*python, *probe.question(stores, databases)])
    try:
        told = probe.answer(output) if status == 0 else None
    except ValueError:
        told = None
    if told is None:
        problem = f"{' '.join(python)} does not read the old hub's state: {words.clean(output, 200)}"
        return {}, People(), Passwords(problems=(problem,))
    return told["versions"], probe.people(told), probe.passwords(told)


def _number(text: str) -> int | None:
    return int(text) if text.isdigit() else None


def tljh(world: World) -> tuple[Hub, People, Passwords] | None:
    """Return TLJH's hub with its people: those of its database, of config.yaml, and who has a password."""
    said = read_hub.tljh(world.host)
    if said is None:
        return None
    folder = f"{read_hub.TLJH}/state"
    versions, people, passwords = _asked(
        world, [HUB_PYTHON], [f"{folder}/passwords.dbm"], [f"{folder}/jupyterhub.sqlite"]
    )
    tree = read_hub.settings_tree(world.host.text(f"{read_hub.TLJH}/config/config.yaml"))

    def value(key: str) -> str:
        return "" if tree.get(key, "") in ("null", "~", "None") else tree.get(key, "")

    def names(key: str) -> frozenset[str]:
        return frozenset(name.strip() for name in value(key).split(",") if name.strip())

    prefix = "users.extra_user_groups."
    extra = {key[len(prefix) :]: names(key) for key in tree if key.startswith(prefix)}
    units = world.host.run("systemctl", "list-units", "--plain", "--no-legend", "--state=active", "jupyter-*.service")
    running = {line.split()[0][len("jupyter-") : -len(".service")] for line in units.splitlines() if line.strip()}
    running = {name[: -len("-singleuser")] if name.endswith("-singleuser") else name for name in running}
    people = replace(
        people,
        users=people.users | said.admins | said.allowed,
        admins=people.admins | said.admins,
        banned=names("users.banned"),
        groups={
            name: people.groups.get(name, frozenset()) | extra.get(name, frozenset())
            for name in sorted({*people.groups, *extra})
        },
        running=people.running | running,
    )
    hub = Hub(
        "tljh",
        said.path,
        versions.get("the-littlest-jupyterhub", ""),
        versions.get("jupyterhub", ""),
        said.authenticator,
        value("base_url") or "/",
        value("limits.memory"),
        value("limits.cpu"),
        said.culls,
        _number(value("services.cull.timeout")) or CULL_SECONDS,
        bool(said.https),
    )
    return hub, people, passwords


def compose(world: World, containers: Sequence[Container]) -> list[tuple[Hub, People, Passwords]]:
    """Return the hubs that Compose runs, each with the people of its database, its configuration and this host."""
    found = []
    for container, root in read_hub.hub_roots(world.host, containers):
        path, text = read_hub.config_text(world.host, root, container)
        text = re.sub(r"(?m)(^|\s)#.*$", "", text)  # comments
        said = read_hub.of_python(text, f"{container.name}: {path}")
        folder = "/srv/jupyterhub"
        with contextlib.suppress(OSError):
            folder = os.readlink(world.host.proc / str(container.pid) / "cwd")  # noqa: PTH115  # a path inside
        stores = [posixpath.join(folder, name) for name in (*_said(text, "dbm_path"), "passwords.dbm")]
        urls = [url[len("sqlite:///") :] for url in _said(text, "db_url") if url.startswith("sqlite:///")]
        bases = [posixpath.join(folder, name) for name in (*urls, "jupyterhub.sqlite")]
        versions, people, passwords = _asked(
            world, ["docker", "exec", container.name, "python3"], [*dict.fromkeys(stores)], [*dict.fromkeys(bases)]
        )
        running = {each.name[len("jupyter-") :] for each in containers if each.role == "person" and each.running}
        people = replace(
            people,
            users=people.users | said.admins | said.allowed,
            admins=people.admins | said.admins,
            running=people.running | running,
        )
        limits = re.findall(r"\.mem_limit\s*=\s*['\"](\d+(?:\.\d+)?[KMGT]?)['\"]", text)
        cores = re.findall(r"\.cpu_limit\s*=\s*(\d+(?:\.\d+)?)", text)
        hub = Hub(
            "compose",
            said.path,
            versions.get("jupyterhub", ""),
            versions.get("jupyterhub", ""),
            said.authenticator or ("firstuse" if passwords.path else ""),
            (_said(text, "base_url") or ["/"])[-1],
            (limits or [""])[-1],
            (cores or [""])[-1],
            container=container.name,
            computed=said.has_list and not said.allowed,
        )
        found.append((hub, people, passwords))
    return found


def _said(text: str, name: str) -> list[str]:
    """Return the texts that a jupyterhub_config.py assigns to a trait."""
    return re.findall(rf"\.{name}\s*=\s*['\"]([^'\"]+)['\"]", text)


def registry(world: World, containers: Sequence[Container]) -> tuple[str, int]:
    """Return the folder of the old registry's images on this host, and how many bytes it holds."""
    for container in containers:
        if container.role != "registry" or any(label.startswith(labels.PREFIX) for label in container.labels):
            continue
        for bind in container.binds:
            if bind.target.rstrip("/") == "/var/lib/registry" and bind.source.startswith("/"):
                size = world.host.run("du", "-sb", bind.source).split()
                return bind.source, int(size[0]) if size and size[0].isdigit() else 0
    return "", 0
