# Copyright (c) 2026, The labserver.jupyter authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Looks at a server that goes out of service: asks each room what it has, and changes nothing."""

from __future__ import annotations

import contextlib
import os
import socket
import sqlite3
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from .._accounts import records
from .._backup import read as saved
from .._backup.model import DATABASES, INCOMPLETE, REGISTRY_LINKS, ROSTER, Settings, SettingsError
from .._backup.plan import compare, patterns
from .._backup.restic import RepositoryError, made
from .._backup.world import World as Host
from .._certificates import state as certificates
from .._common import folders, labels, mounts, paths, process
from .._common.docker_api import EngineError
from .._hub.servers import inspect, running
from .._schedule import status as job_status
from . import record
from .model import STAGES, Backup, Certificate, Current, Snapshot

HUB = "labserver-hub"
JOBS = "etc/labserver/jobs.d"
SIZE_SECONDS = 300.0
EXPORTS = ("etc/exports", "etc/exports.d/*.exports")
SECRETS = (
    ("root of the lab's authority", "etc/labserver/ca/root.key"),
    ("issuer of the lab's authority", "etc/labserver/ca/issuer.key"),
    ("private keys of certificates", "etc/labserver/tls/*/key.pem"),
    ("account and keys at a public authority", "etc/letsencrypt/accounts"),
    ("password of the backups", "etc/labserver/backup/settings.json"),
    ("passwords of the registry", "etc/labserver/registry/secrets/*"),
    ("password for another registry", "etc/labserver/hub/registry-password"),
    ("passwords of shares", "etc/labserver/shares/credentials/*"),
    ("secrets of the hub", "etc/labserver/hub/secrets/*"),
    ("people's passwords (hashes)", "srv/labserver/hub/state/passwords.sqlite"),
    ("one-time passwords", "var/lib/labserver/one-time-passwords.csv"),
    ("secrets of apps", "etc/labserver/compose/*/secrets/*"),
    ("registration token of CoCalc", "etc/labserver/cocalc/registration-token"),
    ("SSH keys of root", "root/.ssh/id_*"),
    ("logins of root at registries", "root/.docker/config.json"),
)  # fmt: skip
ALWAYS = (paths.CONFIGURATION, paths.DATA, paths.STATE, "/var/cache/labserver", "/var/log/labserver")
"""What a wipe deletes on every server."""
LETSENCRYPT = "/etc/letsencrypt"
NOTHING_LEFT_OUT = Settings("", "", "")
"""Of this alone every backup leaves out what can be made again."""


@dataclass(frozen=True)
class World:
    """The host as the backup sees it, and how commands are run: arguments and a limit of time in seconds."""

    host: Host = field(default_factory=Host)
    run: Callable[[Sequence[str], float], process.Done] = process.call

    @property
    def root(self) -> Path:
        return self.host.root


def read(world: World, sized: bool = True) -> Current:
    """Look at the host; without ``sized`` nobody measures how large homes are."""
    unread: list[str] = []
    root, roster = world.root, dict[str, Any]()
    with _noted(unread):
        roster = world.host.json(ROSTER) or {}
    noted = record.read(root)
    if not roster and (root / records.WANTED).exists() and STAGES.index(noted.stage) < STAGES.index("saved"):
        unread.append(f"whose homes are here: /{ROSTER.lstrip('/')} is missing; run playbooks/site.yml")
    people = roster.get("users", {})
    homes = [str(user["home"]) for _name, user in sorted(people.items()) if world.host.at(str(user["home"])).is_dir()]
    shared: list[str] = []
    if (root / records.WANTED).exists():
        with _noted(unread):
            shared = [one.path for one in records.load_wanted(root)[0].folders]
    items: tuple[Mapping[str, object], ...] = ()
    with _noted(unread):
        items = saved.rooms(world.host)
    volumes, unknown = saved.project_volumes(world.host, items)
    hub, people_at_work, containers = _engine(world, unread)
    known = tuple(
        Certificate(name, one.names, one.source, one.not_after) for name, one in sorted(certificates.read(root).items())
    )
    targets = find_targets(world, homes, shared, items, any(one.source == "acme" for one in known))
    return Current(
        lab_server=world.host.at(paths.CONFIGURATION).is_dir(),
        addresses=_addresses(world),
        hub=hub,
        running=people_at_work,
        seen=_seen(world, unread),
        homes=_sizes(world, homes if sized else []),
        groups=_sizes(world, [path for path in shared if sized and world.host.at(path).is_dir()]),
        repositories=_repositories(world.host.at(REGISTRY_LINKS)),
        apps=tuple(sorted(str(item["name"]) for item in items if not item.get("optional"))),
        containers=containers,
        jobs=tuple(sorted(file.stem for file in (root / JOBS).glob("*.json"))),
        backup=read_backup(world),
        exports=tuple(_exports(root)),
        secrets=tuple(what for what, pattern in SECRETS if any(root.glob(pattern))),
        certificates=known,
        targets=targets,
        volumes=tuple(sorted({name for found in volumes.values() for name in found})),
        obstacles=tuple(obstacles(world, targets)),
        unread=(*unread, *unknown),
        record=noted,
    )


@contextlib.contextmanager
def _noted(unread: list[str]) -> Iterator[None]:
    try:
        yield
    except (SettingsError, ValueError, OSError) as error:
        unread.append(str(error))


def _engine(world: World, unread: list[str]) -> tuple[str, tuple[str, ...], tuple[str, ...]]:
    """Return how the hub is, whose servers run, and the running containers of the project."""
    engine = world.host.engine
    try:
        found = inspect(engine, HUB)
        hub = "absent" if found is None else "running" if found["State"]["Running"] else "stopped"
        people = tuple(sorted({server.user for server in running(engine)}))
        ours = {
            one["Names"][0].lstrip("/")
            for label in (labels.ROOM, labels.CONFIG_SHA256)
            for one in engine.get("/containers/json", filters={"label": [label], "status": ["running"]})
        }
        return hub, people, tuple(sorted(ours))
    except EngineError as error:
        if world.host.at(paths.CONFIGURATION).is_dir():  # otherwise there never was one
            unread.append(f"whose servers run ({error})")
        return "absent", (), ()


def _seen(world: World, unread: list[str]) -> tuple[tuple[str, str], ...]:
    database = world.host.at(DATABASES[0])
    if not database.exists():
        return ()
    query = "SELECT name, last_activity FROM users WHERE last_activity IS NOT NULL ORDER BY last_activity DESC, name"
    try:
        with contextlib.closing(sqlite3.connect(f"file:{database}?mode=ro", uri=True, timeout=30)) as connection:
            return tuple((str(name), str(when)) for name, when in connection.execute(query))
    except sqlite3.Error as error:
        unread.append(f"the hub's database ({error})")
        return ()


def _sizes(world: World, wanted: Sequence[str]) -> dict[str, int]:
    """Return folder -> bytes on the disk; -1 for those that took too long or could not be read."""
    found = dict.fromkeys(wanted, -1)
    places = {str(world.host.at(path)): path for path in wanted}
    if places:
        done = world.run(["du", "-s", "-x", "--block-size=1", "--", *places], SIZE_SECONDS)
        for line in done.output.decode("utf-8", "surrogateescape").splitlines():
            size, _tab, place = line.partition("\t")
            if place in places and size.isdigit():
                found[places[place]] = int(size)
    return found


def _repositories(store: Path) -> tuple[str, ...]:
    found = []
    for folder, names, _files in os.walk(store):
        if "_manifests" in names:
            found.append(str(Path(folder).relative_to(store)))
        names[:] = sorted(name for name in names if not name.startswith("_"))
    return tuple(found)


def _exports(root: Path) -> Iterator[str]:
    for pattern in EXPORTS:
        for file in sorted(root.glob(pattern)):
            for line in file.read_text("utf-8", "replace").splitlines():
                if line.strip() and not line.lstrip().startswith("#"):
                    yield f"NFS {line.split()[0]}"
    with contextlib.suppress(OSError):
        for line in (root / "etc/samba/smb.conf").read_text("utf-8", "replace").splitlines():
            name = line.strip()
            if name.startswith("[") and name not in ("[global]", "[printers]", "[print$]"):
                yield f"SMB {name.strip('[]')}"


def _addresses(world: World) -> frozenset[str]:
    done = world.run(["hostname", "--all-ip-addresses"], 10.0)
    return frozenset({socket.gethostname(), socket.getfqdn(), *done.output.decode("ascii", "replace").split()})


def read_backup(world: World) -> Backup:
    """Return the last backup, whether it is complete, and whether the drill restored of it. Writes nothing."""
    try:
        settings = world.host.settings()
    except SettingsError as error:
        return Backup(problem=str(error))
    place = without_password(settings)
    try:
        sources, items, current = saved.read(world.host, settings)
        holds = compare(settings, sources, items, current).paths
        repo = world.host.repository(settings)
        repo.reach()
        snapshots = repo.snapshots()
    except (RepositoryError, SettingsError, OSError, ValueError) as error:
        return Backup(str(error), place, settings.host)
    left = tuple(
        path
        for path in patterns(settings)
        if path not in patterns(NOTHING_LEFT_OUT) and path.startswith("/") and world.host.at(path).exists()
    )
    if not snapshots:
        return Backup("", place, settings.host, None, holds, left)
    last = snapshots[-1]
    drill = job_status.read(world.root, "backup-drill")
    tried = drill.level == "ok" and drill.message.startswith(f"{last['short_id']}:")
    complete = INCOMPLETE not in (last.get("tags") or [])
    prefix = str(world.root).rstrip("/")
    held = tuple(str(path).removeprefix(prefix) for path in last.get("paths") or ())
    when = made(last).astimezone().isoformat(timespec="seconds")
    found = Snapshot(str(last["short_id"]), when, complete, tried, held)
    return Backup("", place, settings.host, found, holds, left)


def without_password(settings: Settings) -> str:
    """Return the place of the repository for people: a URL may have a user and a password in it."""
    before, mark, after = settings.repository.partition("://")
    server, slash, rest = after.partition("/")
    return f"{before}{mark}{server.rpartition('@')[2]}{slash}{rest}" if mark else settings.repository


def find_targets(
    world: World, homes: Iterable[str], shared: Iterable[str], items: Iterable[Mapping[str, object]], acme: bool
) -> tuple[str, ...]:
    """Return the folders that a wipe deletes, those that lie in another one left out.

    Folders of the system are none, whatever an app says of its data. What one of them leads to as a symbolic link, or
    such a link right below a root of a lab server, is saved, and deleted, as well.
    """
    wanted = {*ALWAYS, *homes, *shared, *([LETSENCRYPT] if acme else [])}
    for item in items:
        listed = item.get("paths")
        wanted |= {str(path) for path in (listed if isinstance(listed, list) else [])}
    links = [link for base in (paths.CONFIGURATION, paths.DATA) for link in saved.inner_links(world.host, base)]
    wanted |= {saved.look(world.host, path).link for path in (*wanted, *links)}
    there = {
        path
        for path in wanted - {""}
        if os.path.lexists(world.host.at(path)) and (path in (*ALWAYS, LETSENCRYPT) or _may_go(path))
    }
    return tuple(sorted(path for path in there if not any(mounts.inside(path, other) for other in there - {path})))


def _may_go(path: str) -> bool:
    system = path in folders.SYSTEM or any(mounts.inside(path, tree) for tree in folders.TREES)
    return path.startswith("/") and path == os.path.normpath(path) and not system


def obstacles(world: World, targets: Iterable[str], after_unmount: bool = False) -> Iterator[str]:
    """Yield why something cannot be deleted: it is on no disk of this host, on a part of one, or on one that is away.

    The shares are unmounted by their role, so those below its folder do not count before that (``after_unmount``).
    """
    table = tuple(world.host.mounts())
    mounted = {mount.target for mount in table}
    for target in targets:
        holding = mounts.holding(target, table)
        if holding is not None and holding.target != "/" and holding.fstype not in folders.DISKS:
            yield f"{target} lies on {holding.source} ({holding.fstype}), no disk of this host; unmount it first"
            continue
        for mount in mounts.below(target, table):
            why = folders.obstacle(world.root, mount.target, table)
            if why and (after_unmount or not mounts.inside(mount.target, paths.SHARES)):
                yield f"{mount.target} {why}, and is not touched; unmount it first"
        for point in mounts.planned(world.root, also_by_hand=True):
            if mounts.inside(point, target) and point not in mounted and not mounts.inside(point, paths.SHARES):
                yield f"{point} is in /etc/fstab and not mounted, so its data would stay; mount it or take its line out"
