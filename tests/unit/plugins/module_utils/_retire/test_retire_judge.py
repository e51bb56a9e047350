# Copyright (c) 2026, The labserver.jupyter authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What forbids taking a server out of service, and what is read before: each rule by itself."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest
from ansible_collections.labserver.jupyter.plugins.module_utils._retire import judge, record, show
from ansible_collections.labserver.jupyter.plugins.module_utils._retire.model import (
    Backup,
    Certificate,
    Current,
    Desired,
    Other,
    Record,
    Snapshot,
)

WORDS = Desired("atlas", "2026-12-15", contact="Rita Vega")
LAST = Snapshot("1a2b3c4d", "2026-12-14T03:00:00+01:00", True, True, ("/etc/labserver", "/home/jupyter-mira"))
BACKUP = Backup("", "sftp:nas:/atlas", "atlas", LAST, ("/etc/labserver", "/srv/labserver", "/home/jupyter-mira"))
HOST = Current(
    addresses=frozenset({"atlas.lab.example.org", "192.0.2.7"}),
    hub="running",
    homes={"/home/jupyter-mira": 3 << 30},
    backup=BACKUP,
    targets=("/etc/labserver", "/home/jupyter-mira", "/srv/labserver", "/var/lib/labserver"),
)


def refused(current: Current = HOST, others: dict[str, Other] | None = None, **words: Any) -> tuple[str, ...]:
    return judge.refusals(replace(WORDS, **words), current, others or {}, current.record)


def test_a_server_with_a_backup_that_nobody_needs_can_go() -> None:
    assert refused() == ()
    assert refused(wipe=True) == ()


@pytest.mark.parametrize(
    ("current", "words", "said"),
    [
        (replace(HOST, lab_server=False), {}, "There is no lab server of this collection here."),
        (replace(HOST, unread=("whose servers run",)), {}, "Not everything could be looked at: whose servers run."),
        (HOST, {"contact": " "}, "say retire_contact=NAME, or set hub_lab_contact"),
        (HOST, {"day": "soon"}, "retire_on: 'soon' is no date; write for instance"),
        (replace(HOST, running=("ben", "mira")), {}, "Servers of 2 people run (ben, mira), and what runs"),
        (replace(HOST, backup=Backup("no settings")), {}, "The last backup cannot be made: no settings. Nothing"),
        (
            replace(HOST, backup=replace(BACKUP, repository="/srv/labserver/backups")),
            {"wipe": True},
            "the repository of the backups, /srv/labserver/backups, lies in /srv/labserver, which would be deleted",
        ),
        (replace(HOST, obstacles=("/srv is away",)), {"wipe": True}, "retire_data=wipe: /srv is away."),
        (
            replace(HOST, targets=(*HOST.targets, "/data/leem")),
            {"wipe": True},
            "the backup does not hold /data/leem, which would be lost",
        ),
        (
            replace(HOST, backup=replace(BACKUP, left_out=("/srv/labserver/registry",))),
            {"wipe": True},
            "the backup does not hold /srv/labserver/registry, which would be lost",
        ),
    ],
    ids=["none", "unread", "contact", "day", "running", "backup", "repository", "obstacle", "unsaved", "left out"],
)  # fmt: skip
def test_each_thing_in_the_way_is_said(current: Current, words: dict[str, Any], said: str) -> None:
    (sentence,) = refused(current, **words)
    assert said in sentence


def test_everything_in_the_way_is_said_at_once() -> None:
    current = replace(HOST, running=("mira",), backup=Backup("no settings"), obstacles=("/srv is away",))
    assert len(refused(current, {"boreas": Other(keeper="atlas")}, wipe=True, contact="")) == 5


@pytest.mark.parametrize(
    "words", [{"stop_servers": True}, {"day": "2026-12-16"}], ids=["with the word", "before the day nothing is stopped"]
)
def test_running_servers_forbid_nothing_when_they_may_be_stopped_or_are_not(words: dict[str, Any]) -> None:
    assert refused(replace(HOST, running=("mira",)), **words) == ()


def test_what_is_not_in_the_backup_goes_by_a_word_of_its_own() -> None:
    current = replace(HOST, targets=(*HOST.targets, "/data/leem"))
    assert refused(current) == (), "the data stay"
    assert refused(current, wipe=True, unsaved=True) == ()


@pytest.mark.parametrize(
    ("other", "said"),
    [
        (Other(keeper="atlas"), "keeps the root of the lab's authority, from which boreas get their certificates"),
        (Other(registry="atlas"), "The hubs of boreas get their images from the registry of atlas"),
        (Other(shares={"raw": "//atlas/raw", "nas": "//nas/x"}), "boreas mounts shares of atlas (shares_list: raw)"),
        (Other(shares={"raw": "192.0.2.7:/raw"}), "boreas mounts shares of atlas (shares_list: raw)"),
        (Other(repository="sftp:backup@atlas.lab.example.org:/b"), "The backups of boreas lie on atlas"),
        (Other(repository="rest:https://ATLAS:8000/b"), "The backups of boreas lie on atlas"),
    ],
)
def test_what_others_take_from_it_forbids_it(other: Other, said: str) -> None:
    (sentence,) = refused(others={"boreas": other, "castor": Other("cygnus", "cygnus", {"a": "nas:/a"}, "/mnt/disk")})
    assert said in sentence and "castor" not in sentence
    assert "site.yml" in sentence, "and what to do first"


@pytest.mark.parametrize(
    ("place", "server"),
    [
        ("//nas/data", "nas"),
        ("nas:/export/data", "nas"),
        ("[2001:db8::7]:/export", "2001:db8::7"),
        ("/mnt/disk/atlas", ""),
        ("sftp:backup@nas:/atlas", "nas"),
        ("sftp://backup@nas:2222//atlas", "nas"),
        ("sftp:nas:/atlas", "nas"),
        ("rest:https://backup@nas:8000/atlas", "nas"),
        ("rest:http://nas/atlas", "nas"),
        ("s3:https://minio.example.org/atlas", "minio.example.org"),
        ("", ""),
    ],
)
def test_the_server_in_a_place_is_known(place: str, server: str) -> None:
    assert judge.server_of(place) == server


def test_another_server_whose_name_begins_alike_is_not_this_one() -> None:
    assert refused(others={"b": Other(shares={"x": "//atlas2/raw", "y": "192.0.2.70:/x", "z": "//192/x"})}) == ()


DONE = Record("saved", frozen="2026-12-15T09:00:00Z", snapshot="1a2b3c4d", targets=("/srv/labserver",))


@pytest.mark.parametrize(
    ("current", "stage"),
    [
        (replace(HOST, hub="stopped", jobs=("backup",), record=DONE), "saved"),
        (replace(HOST, hub="running", jobs=("backup",), record=DONE), "announced"),
        (replace(HOST, hub="absent", jobs=(), record=replace(DONE, stage="stopped")), "stopped"),
        (replace(HOST, hub="absent", jobs=("backup",), record=replace(DONE, stage="stopped")), "announced"),
        (replace(HOST, hub="absent", jobs=("backup",), record=replace(DONE, frozen="2026-12-14T09:00Z")), "announced"),
        (replace(HOST, hub="absent", jobs=(), record=replace(DONE, frozen="2026-12-14T09:00Z")), "saved"),
        (replace(HOST, record=Record("announced")), "announced"),
    ],
    ids=["goes on", "hub is back", "out", "set up again", "no hub, next day", "half gone, next day", "announced"],
)  # fmt: skip
def test_a_server_that_works_again_needs_a_new_backup(current: Current, stage: str) -> None:
    assert record.effective(current, "2026-12-15").stage == stage


def test_what_the_last_backup_did_not_hold_is_known_when_its_settings_are_gone() -> None:
    gone = replace(
        HOST, hub="absent", backup=Backup("no settings"), record=replace(DONE, stage="stopped", unsaved=("/d",))
    )
    assert refused(gone) == ()
    (sentence,) = refused(gone, wipe=True)
    assert "the backup does not hold /d" in sentence
    inside = replace(gone, record=replace(gone.record, unsaved=(), repository="/srv/labserver/x"))
    assert "the repository of the backups, /srv/labserver/x" in refused(inside, wipe=True)[0]


def test_the_plan_says_all_that_is_there() -> None:
    current = replace(
        HOST,
        running=("mira",),
        seen=(("mira", "2026-12-14 10:00:00"), ("ben", "2026-11-01 09:00:00")),
        groups={"/srv/labserver/groups/leem": -1},
        repositories=("notebook",),
        apps=("cocalc", "pad"),
        exports=("NFS /export",),
        secrets=("private keys of certificates",),
    )
    plan = show.compare(replace(WORDS, wipe=True), current, {})
    text = "\n".join(plan.lines)
    for words in (
        "running servers: mira",
        "last at work: mira (2026-12-14), ben (2026-11-01)",
        "homes: 1, 3.0 GiB together: /home/jupyter-mira 3.0 GiB",
        "/srv/labserver/groups/leem (size not known)",
        "registry: notebook",
        "apps: cocalc, pad",
        "last backup in sftp:nas:/atlas: 1a2b3c4d of 2026-12-14T03:00, complete; a drill restored of it",
        "exported by this host: NFS /export",
        "keys and passwords on it: private keys of certificates",
        "retire_data=wipe deletes /etc/labserver, /home/jupyter-mira",
        "its data are deleted",
    ):
        assert words in text, text
    assert len(plan.refusals) == 1 and plan.stage == "" and plan.due


def test_before_the_day_only_the_announcement_is_planned() -> None:
    plan = show.compare(replace(WORDS, day="2026-12-16"), HOST, {})
    assert not plan.due
    assert plan.lines[-1] == "people read that it ends on 2026-12-16, and nothing else happens before that day"


def test_the_end_says_what_remains() -> None:
    known = (
        Certificate("server", ("atlas.lab.example.org",), "internal_ca", "2027-01-01T00:00:00Z"),
        Certificate("hub", ("hub.example.org",), "acme", "2027-02-01T00:00:00Z"),
    )
    remains = show.remains(WORDS, replace(HOST, certificates=known))
    stopped = replace(DONE, stage="stopped", remains=remains, secrets=("secrets of the hub",))
    text = "\n".join(show.report(stopped))
    for words in (
        "its data are still on its disks: /srv/labserver",
        "keys and passwords that are still on it: secrets of the hub",
        "backup 1a2b3c4d of 2026-12-14T03:00 is in sftp:nas:/atlas; its password stands in the inventory",
        "restic forget --host atlas",
        "inventory: remove the line of atlas",
        "DNS and other registers of names: atlas.lab.example.org, hub.example.org",
        "certificates of a public authority are valid on: hub until 2027-02-01; revoke them",
        "cannot be revoked and end by themselves: server until 2027-01-01",
    ):
        assert words in text, text
    wiped = "\n".join(show.report(replace(stopped, stage="wiped")))
    assert "its data are deleted" in wiped and "resurrect.yml" in wiped and "still on its disks" not in wiped
