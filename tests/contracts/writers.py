# Copyright (c) 2026, The labserver.jupyter authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The exchange files of one small lab, each written by the code that writes it on a lab server.

Each function returns path (without the leading slash) -> content of the files of one room. What a room needs of others
(a host, an engine, a registry) stands in; the code that decides on the content does not.
"""

from __future__ import annotations

import json
import os
import tempfile
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime, timedelta
from functools import cache
from pathlib import Path
from types import SimpleNamespace
from typing import Any

from ansible_collections.labserver.jupyter.plugins.module_utils._backup import history as backup_history
from ansible_collections.labserver.jupyter.plugins.module_utils._backup.world import World as BackupWorld
from ansible_collections.labserver.jupyter.plugins.module_utils._certificates import config as certificates_config
from ansible_collections.labserver.jupyter.plugins.module_utils._certificates import renew
from ansible_collections.labserver.jupyter.plugins.module_utils._certificates.world import World as CertificatesWorld
from ansible_collections.labserver.jupyter.plugins.module_utils._hub import fullness, passwords, transaction
from ansible_collections.labserver.jupyter.plugins.module_utils._proxy import model as proxy_model
from ansible_collections.labserver.jupyter.plugins.module_utils._proxy import plan as proxy
from ansible_collections.labserver.jupyter.plugins.module_utils._registry import config as registry_config
from ansible_collections.labserver.jupyter.plugins.module_utils._registry import engine as registry_engine
from ansible_collections.labserver.jupyter.plugins.module_utils._registry import outlook as registry_outlook
from ansible_collections.labserver.jupyter.plugins.module_utils._retire import carry_out, read
from ansible_collections.labserver.jupyter.plugins.module_utils._retire.model import Current, Desired
from ansible_collections.labserver.jupyter.plugins.module_utils._schedule import history
from ansible_collections.labserver.jupyter.plugins.module_utils._schedule import plan as schedule
from ansible_collections.labserver.jupyter.plugins.module_utils._schedule import run as job_run
from ansible_collections.labserver.jupyter.plugins.module_utils._shares import converge as shares_core
from ansible_collections.labserver.jupyter.plugins.module_utils._shares import health
from ansible_collections.labserver.jupyter.plugins.module_utils._shares.world import Done
from ansible_collections.labserver.jupyter.plugins.module_utils._status import hub_page, recorded
from ansible_collections.labserver.jupyter.plugins.module_utils._status import view as status_view
from ansible_collections.labserver.jupyter.plugins.module_utils._updates import announce, window
from ansible_collections.labserver.jupyter.plugins.module_utils._usage import job as usage_job
from ansible_collections.labserver.jupyter.plugins.module_utils._usage.model import Key, Sum
from ansible_collections.labserver.jupyter.plugins.module_utils._usage.store import Disk
from ansible_collections.labserver.jupyter.plugins.modules import registry_config as registry_config_module
from ansible_collections.labserver.jupyter.plugins.modules import registry_in_use
from ansible_collections.labserver.jupyter.tests.unit.plugins.module_utils._accounts.accounts_host import FakeHost
from ansible_collections.labserver.jupyter.tests.unit.plugins.module_utils._shares.shares_machine import Machine
from role_files import argument, written

Files = Mapping[str, bytes]


PUBLIC = "etc/labserver/public"


NOW = datetime(2026, 11, 20, 12, 0, tzinfo=UTC)


DIGEST = "sha256:" + "a" * 64


OLD_DIGEST = "sha256:" + "c" * 64


BROKEN_DIGEST = "sha256:" + "b" * 64


CARD = "GPU-0f1e2d3c-0000-1111-2222-333344445555"


PEOPLE: dict[str, Any] = {
    "users": [
        {
            "name": "mira", "full_name": "Mira Müller", "groups": ["leem", "xps"], "admin": True,
            "limits": {"cpu": 1.5, "memory": "4G", "gpus": 1, "images": ["note*"], "pids": 512, "servers": 3},
            "ssh_keys": ["ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIGZmZmZmZmZmZmZmZmZmZmZmZmZmZmZmZmZm mira@laptop"],
        },
        {"name": "jonas", "groups": ["xps"], "expires": "2026-12-01"},
        {"name": "carla", "state": "locked"},
        {"name": "room-physics", "full_name": "Physics I", "groups": ["xps"], "room": "notebook:2026"},
    ],
    "groups": [{"name": "leem", "limits": {"memory": "8G"}}, {"name": "xps"}],
    "expiry_notice_days": 21,
}  # fmt: skip


SHARES: dict[str, Any] = {
    "shares_root": "/srv/labserver/shares",
    "shares_credentials": {"r": {"username": "reader", "password": "one"}},
    "shares_list": [
        {"name": "data", "source": "//nas/data", "credentials": "r", "access": {"leem": "rw", "xps": "ro"}},
        {"name": "manuals", "source": "//nas/manuals", "credentials": "r", "others": "ro", "when_absent": "without"},
    ],
}


JOBS: list[dict[str, Any]] = [
    {"name": "renew", "command": ["/bin/true"], "schedule": "twice-daily", "description": "Renew certificates"},
    {
        "name": "tidy", "command": ["/bin/sh", "-c", "exit 2"], "schedule": "30 4 * * 0", "environment": {"LAB": "x"},
        "timeout_seconds": 60, "jitter_seconds": 0, "at_boot": True, "catch_up": False, "alert": "critical",
    },
]  # fmt: skip


LAB: dict[str, Any] = {
    "hub_lab_name": "Laboratory for Surfaces",
    "hub_lab_contact": "Rita Vega, room 2.14",
    "hub_lab_help": "Data is in /mnt/data.\nNotebooks are yours.",
    "hub_lab_language": "de",
    "hub_lab_colour": "#0a7f5a",
    "hub_lab_logo": "logo.svg",
    "hub_lab_links": [
        {"title": "Wiki", "url": "https://wiki.example"},
        {"title": "Beam time", "url": "/beam", "description": "Book the microscope", "groups": ["leem"]},
    ],
    "__hub_logo": {"content": "PHN2Zy8+"},
}


ANNOUNCEMENTS: list[dict[str, Any]] = [
    {
        "text": "The NAS is serviced", "severity": "warning", "from": "2026-11-20T18:00",
        "until": "2026-11-21T08:00:00Z", "groups": None,
    },
    {"text": "Steps 2 is here", "groups": ["xps"]},
]  # fmt: skip


HUB_HOST = {
    "cgroup_parent": "labnotebooks.slice", "gpus": [CARD], "gpu_driver": "cdi",
    "time_zone": "CET-1CEST,M3.5.0,M10.5.0/3",
    "shared_root": True, "shares_root": "/srv/labserver/shares",
    "firewall_mark": "",
    "limits_layers": True,
}  # fmt: skip


PASSWORD_NAMES = ("jonas", "mira")


def _found(root: Path, *patterns: str) -> Files:
    """Return the files below ``root`` that match; fails when a pattern matches nothing."""
    result: dict[str, bytes] = {}
    for pattern in patterns:
        paths = sorted(root.glob(pattern))
        assert paths, f"nothing was written to {pattern}"
        result.update({str(path.relative_to(root)): path.read_bytes() for path in paths})
    return result


def put(root: Path, files: Files) -> None:
    """Write files below ``root``."""
    for name, content in files.items():
        path = root / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(content)
        os.utime(path, (NOW.timestamp(), NOW.timestamp()))


@cache
def people() -> Files:
    """What the room ``accounts`` tells: roster.json, passwd and group."""
    with tempfile.TemporaryDirectory() as folder:
        host = FakeHost(Path(folder))
        host.run(**PEOPLE)
        return _found(host.root, f"{PUBLIC}/roster.json", f"{PUBLIC}/passwd", f"{PUBLIC}/group")


class _Lab(Machine):
    """A machine that tells its free space; the server of the manuals went away after they were mounted."""

    def command(self, command: Sequence[str], seconds: float) -> Done:
        if command[0] == "stat" and "manuals" in command[-1]:
            return Done(1, "stat: cannot statx: Host is down")
        return Done(0, "50 100") if "--file-system" in command else super().command(command, seconds)


@cache
def shares() -> Files:
    """What the room ``shares`` tells: shares.json, and after a look at them shares-status.json."""
    with tempfile.TemporaryDirectory() as folder:
        machine = _Lab(Path(folder))
        put(machine.base, people())
        shares_core.converge(machine, SHARES, check=False, stamp="now")
        health.main([], world=machine)
        return _found(machine.base, f"{PUBLIC}/shares.json", f"{PUBLIC}/shares-status.json")


@cache
def hub_settings(authenticator: str = "firstuse") -> Files:
    """What the role ``hub`` gives its hub: hub.json."""
    text = argument("hub", "hub_change", "settings", hub_authenticator=authenticator, __hub_host=HUB_HOST)
    return {"etc/labserver/hub/hub.json": text.encode()}


@cache
def announcements() -> Files:
    """What the inventory announces."""
    path = f"{PUBLIC}/announcements.json"
    return {path: written("hub", f"/{path}", hub_announcements=ANNOUNCEMENTS)}


@cache
def lab() -> Files:
    """What the inventory says of the lab."""
    path = f"{PUBLIC}/lab.json"
    return {path: written("hub", f"/{path}", **LAB)}


@cache
def maintenance() -> Files:
    """What a change of the hub announces while it lasts."""
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / PUBLIC / "maintenance.json"
        path.parent.mkdir(parents=True)
        transaction.announce(path, "2026-11-20T12:10:00+00:00")
        return _found(Path(folder), f"{PUBLIC}/maintenance.json")


@cache
def retirement() -> Files:
    """What people are told of a server that goes out of service."""
    with tempfile.TemporaryDirectory() as folder:
        (Path(folder) / PUBLIC).mkdir(parents=True)
        words = Desired("atlas", "2026-11-20", day="2026-12-15", contact="Rita Vega, room 2.14")
        carry_out.announce(read.World(BackupWorld(Path(folder))), words, Current())
        return _found(Path(folder), f"{PUBLIC}/retirement.json")


@cache
def restart() -> Files:
    """What the job updates announces: a window on Sunday from 4:00 to 6:00 UTC, a day before."""
    begins = datetime(2026, 11, 22, 4, 0, tzinfo=UTC)
    told = window.Told(window.Window(begins, begins + timedelta(hours=2)), NOW)
    with tempfile.TemporaryDirectory() as folder:
        (Path(folder) / PUBLIC).mkdir(parents=True)
        announce.tell(Path(folder), announce.announcements(told, timedelta(hours=24)))
        return _found(Path(folder), f"{PUBLIC}/reboot.json")


@cache
def nearly_full() -> Files:
    """What the job hub-watch tells of homes: the owners of those that are nearly full, and what is in each."""
    now = datetime(2026, 11, 20, 12, 0, tzinfo=UTC)
    found = [fullness.Full("mira", 93 << 20, 100 << 20, True), fullness.Full("jonas", 99 << 30, 100 << 30, False)]
    with tempfile.TemporaryDirectory() as folder:
        (Path(folder) / PUBLIC).mkdir(parents=True)
        fullness.tell(Path(folder), fullness.announcements(found, now), {"mira": fullness.Use(93 << 20, 100 << 20)})
        return _found(Path(folder), f"{PUBLIC}/fullness.json")


@cache
def used() -> Files:
    """What the job usage tells the hub of what people used this month."""
    month, day = "2026-11", 86400.0
    sums = {
        Key(month, "mira", ("leem",), "notebook"): Sum(2 * day, 4 * day, 0, 2.0**30 * day, 1 << 31, day, 3),
        Key(month, "mira", ("leem", "xps"), "steps"): Sum(day, day, 0, 2.0**30 * day, 1 << 30, 0, 1),
        Key("2026-10", "mira", ("leem",), "notebook"): Sum(9 * day, 9 * day),
    }
    disks = [Disk(month, "mira", 1 << 30, 1 << 31, 3 << 29), Disk(month, "jonas", 5, 6, 7)]
    document = usage_job.own(sums, disks, month, "2026-11-20T12:00:00Z")
    return {"etc/labserver/hub/usage.json": (json.dumps(document) + "\n").encode()}


@cache
def backups() -> Files:
    """What the job backup tells of its runs: a complete one each night, the last one with something missing."""
    with tempfile.TemporaryDirectory() as folder:
        (Path(folder) / "var/lib/labserver/backup").mkdir(parents=True)
        for day in range(1, 5):
            run = backup_history.Run(f"2026-11-0{day}T03:10:00Z", f"{day:08x}", day < 4, 10 * day, day << 30, day << 20)
            backup_history.add(Path(folder), run, 48.0)
        return _found(Path(folder), backup_history.PATH.lstrip("/"))


@cache
def what_pruning_frees() -> Files:
    """What the daily look at the registry leaves: one repository with old images, one of which nothing goes."""
    rows = {"notebook": registry_outlook.Row(9, 14 << 30, 4, 5 << 30), "steps": registry_outlook.Row(2, 3 << 30)}
    with tempfile.TemporaryDirectory() as folder:
        found = registry_outlook.Outlook(rows, 1 << 30)
        registry_outlook.leave(Path(folder) / registry_outlook.PATH, found, "2026-11-20T03:40:00Z", 6 << 30)
        return _found(Path(folder), registry_outlook.PATH)


@cache
def page_of_status() -> Files:
    """What the job status-page leaves for the hub: the page of a host on which a job failed."""
    now = datetime(2026, 11, 20, 12, 0, tzinfo=UTC)
    job = {"job": "backup", "level": "critical", "message": "<body> & </p> in words of others", "last_success": ""}
    with tempfile.TemporaryDirectory() as folder:
        (Path(folder) / "etc/labserver/hub").mkdir(parents=True)
        hub_page.leave(Path(folder), status_view.document({"lab1": {"jobs": [job]}}, "now"), now, group=-1)
        return _found(Path(folder), hub_page.PATH)


@cache
def disks_that_fill() -> Files:
    """What the job services records of the disks: one loses a GiB a day, the other nothing."""
    now, gib = 1_795_000_000.0, 1 << 30
    with tempfile.TemporaryDirectory() as folder:
        for day in range(11):
            seen = {"/": (20 - day) * gib, "/home": 50 * gib}
            recorded.note(Path(folder), recorded.DISKS, seen, now + day * 86400)
        return _found(Path(folder), recorded.DISKS.path)


@cache
def failures_of_days() -> Files:
    """What is kept of a job, a service and the start of a person's server that failed."""
    with tempfile.TemporaryDirectory() as folder:
        for days in (2, 0):
            found = [
                history.Failure(kind, "mira", "critical" if days else "warning", NOW - timedelta(days=days), "no room")
                for kind in (history.JOB, history.SERVICE, history.START)
            ]
            history.note(Path(folder), found, NOW, NOW.isoformat())
        return _found(Path(folder), history.PATH)


SITES: Sequence[Mapping[str, Any]] = [
    {"name": "hub", "upstream": "http://127.0.0.1:8000", "server_names": ["hub.lab.example.org"]},
    {"name": "registry", "upstream": "http://127.0.0.1:5000", "port": 5443},
]


@cache
def front_door() -> Files:
    """What the front door tells: where it serves certificates, and its service."""
    with tempfile.TemporaryDirectory() as folder:
        root = Path(folder)
        put(root, {"etc/nginx/nginx.conf": b"http {\n    include /etc/nginx/conf.d/*.conf;\n}\n"})

        def run(_argv: Sequence[str]) -> tuple[int, str]:
            return 0, ""

        wanted = proxy.Desired(tuple(proxy_model.from_mapping(site, "server") for site in SITES), 80, ("lab1",))
        proxy.apply(root, proxy.compare(wanted, proxy.read(root, wanted, run)), run)
        return _found(root, "etc/labserver/certificates.d/*.json", "etc/labserver/services.d/*.json")


@cache
def certificate_targets() -> Files:
    """Where rooms serve certificates: certificates.d of the front door and of CoCalc."""
    own = "etc/labserver/certificates.d/proxy.json"
    path = "etc/labserver/certificates.d/cocalc.json"
    cocalc = written("cocalc", f"/{path}", cocalc_certificate="cocalc", __cocalc_result={})
    return {own: front_door()[own], path: cocalc}


@cache
def services() -> Files:
    """Which services the rooms run: services.d of the front door, the registry, the hub and the apps."""
    folder = "etc/labserver/services.d"
    own = {path: content for path, content in front_door().items() if path.startswith(folder)}
    registry = registry_config_module._services(argument("registry", "registry_config", "services")).encode()
    hub = written("hub", f"/{folder}/hub.json", __hub_host=HUB_HOST)
    apps = [{"name": "zulip"}]
    return {
        **own,
        f"{folder}/registry.json": registry,
        f"{folder}/hub.json": hub,
        f"{folder}/cocalc.json": written("cocalc", f"/{folder}/cocalc.json"),
        f"{folder}/compose_app.json": written("compose_app", f"/{folder}/compose_app.json", compose_app_apps=apps),
    }


@cache
def certificates() -> Files:
    """What the program keeps of certificates: the configuration of the role, and the state after a renewal."""
    with tempfile.TemporaryDirectory() as folder:
        root = Path(folder)
        copy = {"folder": str(root / "copies")}
        entry = {"name": "server", "names": ["hub.lab.example.org", "192.0.2.7"], "source": "self_signed"}
        items = [{**entry, "deploy": [{"name": "broker", "copy": copy}]}]
        wanted = certificates_config.desired(items, {})
        certificates_config.apply(root, certificates_config.compare(root, wanted, NOW))
        renew.renew(CertificatesWorld(root), lambda _piece: None)
        return _found(root, "etc/labserver/certificates.json", "var/lib/labserver/certificates.json")


@cache
def jobs() -> Files:
    """What the room ``schedule`` keeps of jobs: jobs.d, and the status files after a run of each."""
    with tempfile.TemporaryDirectory() as folder:
        root = Path(folder)
        put(root, {"etc/labserver/alerts.json": b'{"version": 1, "command": ["/bin/true"]}'})
        wanted = schedule.desired(JOBS, "cron", "lab1")
        schedule.apply(root, schedule.compare(wanted, {}), lambda _argv: (0, ""))
        world = job_run.World(root=root, now=lambda: NOW, sleep=lambda _seconds: None, host="lab1")
        for job in JOBS:
            job_run.run_job(world, job["name"], "schedule")
        return _found(root, "etc/labserver/jobs.d/*.json", "var/lib/labserver/jobs/*.json")


@cache
def backup_items() -> Files:
    """What apps want in the backup: backup.d of CoCalc and of the Compose apps."""
    folder = "etc/labserver/backup.d"
    apps = [{"name": "zulip"}, {"name": "wiki", "backup_paths": ["/opt/wiki"]}]
    return {
        f"{folder}/cocalc.json": written("cocalc", f"/{folder}/cocalc.json"),
        f"{folder}/compose_app.json": written("compose_app", f"/{folder}/compose_app.json", compose_app_apps=apps),
    }


class _Docker:
    """An engine with one container, as its API answers."""

    def get(self, path: str, **_query: Any) -> Any:
        if path == "/containers/json":
            image = "127.0.0.1:5000/notebook:1.0"
            return [{"Id": "c" * 64, "ImageID": "sha256:" + "c" * 64, "Names": ["/jupyter-mira"], "Image": image}]
        return {"RepoTags": [], "RepoDigests": [f"127.0.0.1:5000/notebook@{DIGEST}"]}


@cache
def reports() -> Files:
    """What the registry's host is told of the images in use on another one: in-use.d."""
    with tempfile.TemporaryDirectory() as folder:
        stand_in: Any = _Docker()
        told = {"host": "lab2", "images": registry_engine.images_in_use(stand_in)}
        place = Path(folder) / "etc/labserver/registry/in-use.d"
        place.mkdir(parents=True)
        module: Any = SimpleNamespace(params={"folder": str(place), "reports": [told]})
        for entry in registry_in_use.files(module):
            registry_config.write(entry)
        return _found(Path(folder), "etc/labserver/registry/in-use.d/*.json")


@cache
def passwords_record() -> Files:
    """What the store of passwords is checked against: password-store.json, and the store itself."""
    with tempfile.TemporaryDirectory() as folder:
        root = Path(folder)
        state, etc, keep = (
            root / name for name in ("srv/labserver/hub/state", "etc/labserver/hub", "var/lib/labserver")
        )
        for path in (state, etc, keep):
            path.mkdir(parents=True)
        paths = passwords.Paths(
            state / "passwords.sqlite", etc / "password-store.json", keep / "one-time-passwords.csv"
        )
        roster = {"users": {name: {"full_name": name, "state": "present"} for name in PASSWORD_NAMES}}
        plan = passwords.compare(roster, None, [], reset=[], found=None, recorded=None)
        passwords.apply(plan, roster, paths, owner=-1, digest=lambda word: f"hash of {word}", now=NOW)
        return _found(root, "etc/labserver/hub/password-store.json", "srv/labserver/hub/state/passwords.sqlite")
