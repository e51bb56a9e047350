# Copyright (c) 2026, The labserver.jupyter authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What is read of an old hub, what is inferred from it, and what forbids taking it over."""

from __future__ import annotations

import ast
import dbm.dumb
import json
import shutil
import sys
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace

import pytest
from ansible_collections.labserver.jupyter.plugins.module_utils._accounts import input as accounts_input
from ansible_collections.labserver.jupyter.plugins.module_utils._adopt import plan, probe, read, show
from ansible_collections.labserver.jupyter.plugins.module_utils._adopt.model import Choices, Current
from ansible_collections.labserver.jupyter.plugins.module_utils._doctor.handle import World as Host
from ansible_collections.labserver.jupyter.plugins.module_utils._doctor.model import Account, Bind, Container, Share
from ansible_collections.labserver.jupyter.tests.unit.plugins.module_utils._adopt.adopt_host import HASH, tljh, world

ROOM = Path(str(plan.__file__)).parent
# On Python 3.11 only: they change a lab server.
CHANGING = {"clear", "keep", "takeover", "unattended", "unit"}


@pytest.fixture(scope="module")
def host(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tljh(tmp_path_factory.mktemp("tljh"))


@pytest.fixture(scope="module")
def current(host: Path) -> Current:
    # Homes of the host are looked at by their owner, which is whoever runs the tests.
    return replace(read.read(world(host)), free_bytes=1 << 40)


def test_a_host_with_tljh_is_read(current: Current) -> None:
    (hub,) = current.hubs
    assert (hub.kind, hub.version, hub.memory, hub.cpu, hub.cull_seconds) == ("tljh", "2.0.0", "2G", "1.5", 600)
    assert current.people.users == {"ada", "ben", "dora"}
    assert current.people.admins == {"ada"} and current.people.banned == {"cleo"}
    assert current.passwords.hashes == dict.fromkeys(("ada", "ben", "removed"), HASH)
    assert current.passwords.problems == ()
    assert current.packages == ("numpy==2.1.0",)


def test_the_inventory_says_what_the_host_has(current: Current) -> None:
    wanted = plan.compare(current, Choices())
    assert wanted.refusals == ()
    said = wanted.inventory
    assert said["accounts_users_host"] == [
        {"name": "ada", "uid": 1201, "groups": ["lab", "optics"], "admin": True},
        {"name": "ben", "uid": 1202, "groups": ["lab", "xray"]},
        {"name": "cleo", "groups": ["lab"], "state": "locked"},
        {"name": "dora", "groups": ["lab", "teachers"]},
    ]
    assert said["accounts_groups_host"] == [
        {"name": "lab"},
        {"name": "optics", "gid": 1500, "host_members": ["operator1"]},
        {"name": "teachers"},
        {"name": "xray"},
    ]
    assert said["shares_list"] == [
        {
            "name": "data",
            "type": "cifs",
            "source": "//nas/data",
            "path": "/mnt/data",
            "credentials": "adopted",
            "access": {"lab": "ro"},
            "options": {"vers": "2.1"},
        }
    ]
    assert wanted.credentials == {"adopted": "/root/nas"}
    assert (said["hub_default_memory"], said["hub_default_cpu"]) == ("2G", 1.5)
    assert said["hub_culling_warning_seconds"] < said["hub_culling_idle_seconds"] == 600
    assert said["host_accepted"] == ["tljh", "jupyterhub"]


def test_the_role_accounts_takes_what_is_inferred(current: Current) -> None:
    said = plan.compare(current, Choices()).inventory
    lists = {name: [] for name in (*accounts_input.USER_LISTS, *accounts_input.GROUP_LISTS, "accounts_shared_folders")}
    settings = {
        "accounts_users_from": "", "accounts_uid_min": 20000, "accounts_uid_max": 29999, "accounts_gid_min": 30000,
        "accounts_gid_max": 39999, "accounts_home_folder": "/home", "accounts_skeleton_folder": "/etc/skel",
        "accounts_shell": "/bin/bash", "accounts_unlisted": "lock", "accounts_remove_homes": False,
        "accounts_quota": "", "accounts_archive_folder": "/srv/labserver/accounts/archive",
        "accounts_expiry_notice_days": 14,
    }  # fmt: skip
    assert accounts_input.problems({**lists, **settings, **said}) == []


def test_what_cannot_be_taken_over_is_told_with_the_reason(current: Current) -> None:
    wanted = plan.compare(current, Choices())
    rows = {(row.what, row.taken): row for row in wanted.rows}
    assert "dora" in rows["passwords", "no"].there or "removed" in rows["passwords", "no"].there
    assert any("removed" in row.there for row in wanted.rows) and any("cleo, dora" in row.there for row in wanted.rows)
    assert "jupyter-gone" in rows["accounts", "no"].there
    assert "sudo" in rows["administrators", "partly"].why
    assert rows["environment", "partly"].there == "1 packages"
    report = show.report(current, wanted)
    page = show.document("atlas", report, "today")
    text = "\n".join(show.table("atlas", report))
    for shown in (page, text, json.dumps(report)):
        assert HASH not in shown and "$2b$" not in shown
    assert "can be taken over" in text and "4 people, 2 with a password" in page


@pytest.mark.parametrize("name", ["Mira", "o'neill", "-x", "müller"])
def test_names_that_the_hub_refuses_are_refused_or_left_out(current: Current, name: str) -> None:
    people = replace(current.people, users=current.people.users | {name})
    found = plan.compare(replace(current, people=people), Choices()).refusals
    assert len(found) == 1 and f"adopt_without={name}" in found[0]
    assert plan.compare(replace(current, people=people), Choices(without=frozenset({name}))).refusals == ()


def changed(current: Current, what: str) -> Current:
    """Return the host with one thing in the way."""
    hub = current.hubs[0]
    accounts = current.accounts
    if what == "nothing":
        return replace(current, hubs=())
    if what == "two hubs":
        return replace(current, hubs=(hub, hub))
    if what == "version":
        return replace(current, hubs=(replace(hub, version="3.0.0"),))
    if what == "no version":
        return replace(current, hubs=(replace(hub, version=""),))
    if what == "store":
        return replace(current, passwords=replace(current.passwords, problems=("x cannot be read",)))
    if what == "no store":
        return replace(current, passwords=replace(current.passwords, hashes={}))
    if what == "login":
        return replace(current, hubs=(replace(hub, authenticator="ldapauthenticator.LDAPAuthenticator"),))
    if what == "uid":
        return replace(current, accounts=(*accounts, Account("other", 1201)))
    if what == "high uid":
        ada = next(each for each in accounts if each.name == "jupyter-ada")
        return replace(current, accounts=(*(each for each in accounts if each != ada), replace(ada, uid=70000)))
    if what == "directory":
        return replace(current, directory=frozenset({"jupyter-dora"}))
    if what == "running":
        return replace(current, people=replace(current.people, running=frozenset({"ben"})))
    if what == "disk":
        return replace(current, free_bytes=1 << 30)
    if what == "lab server":
        return replace(current, kinds=("labserver", "tljh"))
    if what == "unread":
        return replace(current, unread=("accounts and homes: no answer",))
    raise AssertionError(what)


@pytest.mark.parametrize(
    ("what", "told"),
    [
        ("nothing", "There is no hub here"),
        ("two hubs", "There are 2 hubs here"),
        ("version", "the version of TLJH is 3.0.0"),
        ("no version", "the version of TLJH is not known"),
        ("store", "The password store is unreadable"),
        ("no store", "No password is stored for anybody"),
        ("login", "People log in by ldapauthenticator"),
        ("uid", "jupyter-ada and other have the one uid 1201"),
        ("high uid", "jupyter-ada has the uid 70000"),
        ("directory", "jupyter-dora come from a directory"),
        ("running", "Servers of 1 people run (ben)"),
        ("disk", "1.0 GiB are free where /var lies"),
        ("lab server", "A lab server of this collection is here already"),
        ("unread", "Not everything could be looked at"),
    ],
)
def test_what_is_in_the_way_is_a_sentence(current: Current, what: str, told: str) -> None:
    found = plan.compare(changed(current, what), Choices()).refusals
    assert len(found) == 1 and told in found[0], found
    assert found[0].endswith("."), found


def test_words_take_what_is_in_the_way_out_of_it(current: Current) -> None:
    everything = Choices(stop_servers=True, new_passwords=True)
    for what in ("running", "no store", "login"):
        assert plan.compare(changed(current, what), everything).refusals == (), what
    assert "who is nobody" in plan.compare(current, Choices(without=frozenset({"nobody"}))).refusals[0]


def test_one_account_of_two_names_is_refused(current: Current) -> None:
    """Long names are cut, and the hash that follows is of the whole name; what differs in case only is one name."""
    people = replace(current.people, users=current.people.users | {"mira", "MIRA"})
    found = plan.compare(replace(current, people=people), Choices()).refusals
    assert any("MIRA, mira are one name" in text for text in found)


@pytest.mark.parametrize("damage", ["nonsense", "value", "second", "gone"])
def test_a_store_that_cannot_be_trusted_is_unreadable_as_a_whole(tmp_path: Path, damage: str) -> None:
    root = tljh(tmp_path / "host")
    folder = root / "opt/tljh/state"
    if damage == "nonsense":
        for path in folder.glob("passwords.dbm.*"):
            path.unlink()
        (folder / "passwords.dbm").write_bytes(b"nonsense" * 100)
    elif damage == "value":
        with dbm.dumb.open(str(folder / "passwords.dbm"), "c") as store:
            store["ben"] = "plain"
    elif damage == "second":
        shutil.copy(folder / "jupyterhub.sqlite", folder / "passwords.dbm")
    else:
        for path in folder.glob("passwords.dbm.*"):
            path.unlink()
    found = plan.compare(replace(read.read(world(root)), free_bytes=1 << 40), Choices()).refusals
    assert len(found) == 1, found
    assert ("No password is stored" if damage == "gone" else "unreadable") in found[0]


def test_people_of_a_directory_and_running_servers_are_seen(host: Path) -> None:
    seen = read.read(world(host, "jupyter-dora:x:5:5::/x:/x\n", "jupyter-ben-singleuser.service loaded active\n"))
    assert seen.directory == {"jupyter-dora"}
    assert seen.people.running == {"ben"}


def test_a_hub_by_compose_is_read(tmp_path: Path) -> None:
    """In the shape of the hub whose people are the folders in /home."""
    root = tljh(tmp_path / "host")
    shutil.move(root / "opt/tljh/state", root / "state")
    shutil.rmtree(root / "opt/tljh")
    (root / "state/jupyterhub_config.py").write_text(
        "import os\nallowed = set(x.split('-')[1] for x in os.listdir('/home'))\n"
        "c.JupyterHub.authenticator_class = 'firstuseauthenticator.FirstUseAuthenticator'\n"
        "c.Authenticator.allowed_users = allowed\nc.Authenticator.admin_users = {'ada'}\n"
        "c.DockerSpawner.mem_limit = '3G'\n# c.DockerSpawner.mem_limit = '9G'\n"
    )
    (root / "images").mkdir()
    bind = Bind("/state", "/srv/jupyterhub")
    marks = {"com.docker.compose.project": "hub"}
    hub = Container("hub-1", role="hub", binds=(bind,), labels=marks, pid=7)
    store = Container("registry-1", role="registry", binds=(Bind("/images", "/var/lib/registry"),), labels=marks)

    def ask(argv: Sequence[str]) -> tuple[int, str]:
        if argv[0] == "sh":
            return 0, ""
        assert argv[:4] == ["docker", "exec", "hub-1", "python3"]
        asked = [word.replace('"/srv/jupyterhub', f'"{root}/state') for word in argv[4:]]
        status, output = read.ask([sys.executable, *asked])
        told = json.loads(output)
        told["versions"]["jupyterhub"] = "2.3.1"
        return status, json.dumps(told)

    handle = Host(root=root, proc=root / "proc", engine=SimpleNamespace(), run=lambda *_argv: "4096\t/images")
    seen = read.World(handle, ask)
    (found, people, passwords), *none = read.compose(seen, (hub, store))
    assert none == []
    assert (found.version, found.memory, found.container, found.computed) == ("2.3.1", "3G", "hub-1", True)
    assert set(passwords.hashes) == {"ada", "ben", "removed"}
    tree = read.read_host.accounts(handle)
    current = Current(
        ("compose",),
        hubs=(found,),
        people=people,
        passwords=passwords,
        accounts=tree["accounts"],
        groups=read.groups(handle),
        registry_store=read.registry(seen, (hub, store))[0],
        registry_bytes=read.registry(seen, (hub, store))[1],
    )
    wanted = plan.compare(current, Choices(without=frozenset({"removed"})))
    assert wanted.refusals == ()
    assert [person.name for person in wanted.people] == ["ada", "ben", "dora", "gone"]
    assert wanted.inventory["images_notebooks"] == []
    assert current.registry_bytes == 4096


@pytest.mark.parametrize(
    ("share", "taken"),
    [
        (Share("//nas/a", "/mnt/a", "cifs", ("credentials=/root/c", "rw")), True),
        (Share("nas:/a", "/mnt/a", "nfs", ("rw",)), True),
        (Share("//nas/a", "/mnt/a", "cifs", ("username=x", "password=y")), False),
        (Share("//nas/a", "/mnt/Some Thing", "cifs", ("credentials=/root/c",)), False),
        (Share("host:/a", "/mnt/a", "fuse.sshfs", ()), False),
    ],
)
def test_shares_become_inputs_where_they_can(current: Current, share: Share, taken: bool) -> None:
    wanted = plan.compare(replace(current, shares=(share,)), Choices())
    assert ("shares_list" in wanted.inventory) is taken
    assert [row.taken for row in wanted.rows if row.what == "share"] == ["yes" if taken else "no"]


def test_a_hub_that_does_not_answer_is_no_hub_without_people() -> None:
    seen = read.World(Host(), lambda _argv: (1, "no such container"))
    _versions, people, passwords = read._asked(seen, ["python3"], [], [])
    assert people.users == frozenset()
    assert "no such container" in passwords.problems[0]


@pytest.mark.parametrize("path", sorted(ROOM.glob("*.py")), ids=lambda path: path.stem)
def test_looking_runs_on_an_old_python(path: Path) -> None:
    source = path.read_text()
    if path.stem in CHANGING:
        return
    ast.parse(source, feature_version=(3, 9))
    for name in ("strict=", "datetime.UTC", "import UTC", "StrEnum", "itertools.batched", "pairwise("):
        assert name not in source
    for other in CHANGING:
        assert f"import {other}" not in source
    ast.parse(probe.PROBE, feature_version=(3, 6))
