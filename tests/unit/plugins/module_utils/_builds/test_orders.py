# Copyright (c) 2026, The labserver.jupyter authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Orders of the hub, as a hub that somebody took over would write them."""

from __future__ import annotations

import json
from typing import Any

import pytest
from ansible_collections.labserver.jupyter.plugins.module_utils._builds import orders
from ansible_collections.labserver.jupyter.plugins.module_utils._catalogue.model import Entry
from ansible_collections.labserver.jupyter.plugins.module_utils._common import exchange

DIGEST = "sha256:" + "a" * 64
ONE: dict[str, Any] = {
    "id": "0123456789ab", "state": "packing", "owner": "mira", "uid": 20001, "group": "leem", "name": "physics",
    "tag": "20261128-203400", "source": "envs/a", "base_repository": "notebook", "base_digest": DIGEST,
    "kind": "folder",
}  # fmt: skip
ROSTER = {
    "version": 1,
    "users": {
        "mira": {"uid": 20001, "gid": 20001, "home": "/home/jupyter-mira", "groups": ["leem", "xps"],
                 "state": "present"},
        "jonas": {"uid": 20002, "gid": 20002, "home": "/home/jupyter-jonas", "groups": ["leem"], "state": "locked"},
        "leem-room": {"uid": 20003, "gid": 20003, "home": "/home/r", "groups": ["leem"], "state": "present",
                      "room": {"image": ""}},
    },
}  # fmt: skip


def image(**changes: Any) -> Entry:
    fields: dict[str, Any] = {
        "repository": "notebook", "tag": "1", "digest": DIGEST, "reference": f"127.0.0.1:5000/notebook@{DIGEST}",
        "title": "", "description": "", "created": "", "size_bytes": 0, "groups": None, "limits": {}, "state": "ready",
    }  # fmt: skip
    return Entry(**{**fields, **changes})


def read(*builds: Any) -> tuple[list[orders.Order], list[str], frozenset[str]]:
    return orders.read(json.dumps({"version": 1, "builds": list(builds)}).encode(), "builds.json")


def check(images: tuple[Entry, ...] = (image(),), groups: tuple[str, ...] = ("leem",), **changes: Any) -> orders.Person:
    (order,), problems, _ids = read({**ONE, **changes})
    assert problems == []
    return orders.check(order, orders.people(ROSTER), images, groups)


def test_what_waits_is_an_order_and_everything_the_hub_knows_is_remembered() -> None:
    found, problems, ids = read(ONE, {"id": "b" * 12, "state": "running"}, {**ONE, "id": "c" * 12, "state": "removing"})
    assert [(one.identity, one.state) for one in found] == [(ONE["id"], "packing"), ("c" * 12, "removing")]
    assert problems == [] and ids == {ONE["id"], "b" * 12, "c" * 12}
    assert found[0].repository == "people/leem/mira/physics"


@pytest.mark.parametrize(
    "changes",
    [
        {"id": "../../etc/x"}, {"owner": "../x"}, {"owner": "Mira"}, {"group": "a/b"}, {"group": ""}, {"name": "a/b"},
        {"name": ".."}, {"name": "a--b"}, {"tag": "latest"}, {"uid": "20001"}, {"owner": None}, {"base_digest": 1},
    ],
)  # fmt: skip
def test_an_order_that_is_none_is_told_of_and_no_other_is_kept_from_being_read(changes: dict[str, Any]) -> None:
    found, problems, _ids = read({**ONE, **changes}, ONE)
    assert len(found) == 1 and found[0].name == "physics"
    assert len(problems) == 1


def test_what_is_no_file_of_orders_is_refused() -> None:
    for content in (b"[]", b"{", b'{"version": 2, "builds": []}', b'{"version": 1}'):
        with pytest.raises(exchange.ExchangeError):
            orders.read(content, "builds.json")


def test_the_account_is_the_rosters() -> None:
    person = check()
    assert (person.uid, person.gid, person.home) == (20001, 20001, "/home/jupyter-mira")


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"owner": "nobody"}, "may not use the hub"),
        ({"owner": "jonas", "uid": 20002}, "may not use the hub"),
        ({"owner": "leem-room", "uid": 20003}, "may not use the hub"),
        ({"uid": 0}, "may not use the hub"),
        ({"uid": 20002}, "may not use the hub"),
        ({"group": "afm"}, "group afm"),
        ({"group": "xps"}, "group xps"),
        ({"base_digest": "sha256:" + "b" * 64}, "not offered any more"),
        ({"base_repository": "other"}, "not offered any more"),
    ],
)
def test_what_the_roster_and_the_list_of_images_do_not_say_is_refused(changes: dict[str, Any], words: str) -> None:
    with pytest.raises(orders.RefusedError, match=words):
        check(**changes)


def test_an_image_of_one_group_is_not_handed_on_to_another() -> None:
    assert check((image(groups=["leem"]),))
    with pytest.raises(orders.RefusedError, match="not for the group leem"):
        check((image(groups=["xps"]),))


def test_neither_what_is_broken_nor_what_people_made_is_built_on() -> None:
    for one in (image(state="broken"), image(state="pulling")):
        with pytest.raises(orders.RefusedError, match="not offered"):
            check((one,))
    with pytest.raises(orders.RefusedError, match="not offered"):
        check((image(repository="people/leem/jonas/x"),), base_repository="people/leem/jonas/x")


def test_a_damaged_roster_is_named() -> None:
    with pytest.raises(exchange.ExchangeError, match=r"roster\.json is damaged"):
        orders.people({"users": {"mira": {}}})
