# Copyright (c) 2026, The labserver.jupyter authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Numbers: the same on every server, never given twice, collisions found before anything is touched."""

from __future__ import annotations

from typing import Any

import pytest
from ansible_collections.labserver.jupyter.plugins.module_utils._accounts import input as inputs
from ansible_collections.labserver.jupyter.plugins.module_utils._accounts.ids import Found, Ids, allocate, load
from ansible_collections.labserver.jupyter.plugins.module_utils._accounts.limits import Limits, merge
from ansible_collections.labserver.jupyter.plugins.module_utils._accounts.model import Desired


def want(*users: str | dict[str, Any], groups: tuple[str, ...] = ()) -> Desired:
    people = [user if isinstance(user, dict) else {"name": user} for user in users]
    desired, problems = inputs.desired(
        {"accounts_users": people, "accounts_groups": [{"name": name} for name in groups]}
    )
    assert problems == []
    return desired


def test_everybody_has_the_same_number_everywhere_whatever_the_order() -> None:
    one = {"a": (want("mira", "jonas"), Found()), "b": (want("nadia", "mira"), Found())}
    other = {"b": (want("mira", "nadia"), Found()), "a": (want("jonas", "mira"), Found())}
    ids, problems = allocate(one, Ids())
    assert problems == []
    assert ids.users == {"jonas": 20000, "mira": 20001, "nadia": 20002}
    assert allocate(other, Ids()) == (ids, [])


def test_records_keep_a_number_for_ever_also_after_removal() -> None:
    ids, problems = allocate({"a": (want("nadia"), Found())}, Ids({"mira": 20000}, {"old": 30000}))
    assert problems == []
    assert ids.users == {"mira": 20000, "nadia": 20001}
    ids, problems = allocate({"a": (want("mira", groups=("new",)), Found(recorded_groups={"old": 30000}))}, ids)
    assert (ids.users["mira"], ids.groups["new"], problems) == (20000, 30001, [])


def test_what_a_host_remembers_counts_when_the_file_is_lost() -> None:
    ids, problems = allocate(
        {"a": (want("mira", "nadia"), Found(recorded_users={"mira": 20007, "gone": 20000}))}, Ids()
    )
    assert problems == []
    assert ids.users == {"gone": 20000, "mira": 20007, "nadia": 20001}


def test_existing_accounts_keep_theirs_and_taken_numbers_are_avoided_on_all_hosts() -> None:
    ids, problems = allocate(
        {
            "a": (want("mira", "nadia"), Found(accounts={"jupyter-mira": (1001, 1001), "service": (20000, 100)})),
            "b": (want("mira", "nadia"), Found(groups={"local": 20001})),
        },
        Ids(),
    )
    assert problems == []
    assert ids.users == {"mira": 1001, "nadia": 20002}


@pytest.mark.parametrize(
    ("hosts", "recorded", "message"),
    [
        (
            {
                "a": (want("mira"), Found(accounts={"jupyter-mira": (1001, 1001)})),
                "b": (want("mira"), Found(accounts={"jupyter-mira": (1003, 1003)})),
            },
            Ids(),
            "accounts_users (name=mira): has more than one number: 1001 (account on a), 1003 (account on b); "
            "give the accounts one uid (usermod -u, then chown of what they own) or leave uid out",
        ),
        (
            {"a": (want({"name": "mira", "uid": 2000}), Found(accounts={"jupyter-mira": (1001, 1001)}))},
            Ids(),
            "2000 (uid of the inventory for a)",
        ),
        (
            {"a": (want("mira"), Found(recorded_users={"mira": 20005}))},
            Ids({"mira": 20000}),
            "20000 (accounts-ids.txt), 20005 (register of a)",
        ),
        (
            {"a": (want("mira"), Found()), "b": (want("mira"), Found(accounts={"service": (20000, 20000)}))},
            Ids({"mira": 20000}),
            "accounts_users (name=mira): uid 20000 belongs to the account service on b; give that one another uid",
        ),
        (
            {"a": (want("mira"), Found(groups={"service": 20000}))},
            Ids({"mira": 20000}),
            "is needed as gid of the person's own group, but is that of the group service on a",
        ),
        (
            {"a": (want({"name": "nadia", "uid": 20000}), Found())},
            Ids({"mira": 20000}),
            "uid 20000 is or was that of mira and is never given again; choose another uid or leave it out",
        ),
        (
            {
                "a": (want(groups=("leem",)), Found(groups={"leem": 1500})),
                "b": (want(groups=("leem",)), Found(groups={"x": 1500})),
            },
            Ids(),
            "accounts_groups (name=leem): gid 1500 belongs to the group x on b; give that one another gid",
        ),
        (
            {"a": (want(groups=("docker",)), Found(groups={"docker": 110}))},
            Ids(),
            "accounts_groups (name=docker): is a group of the system on a (gid 110); choose another name",
        ),
        (
            {"a": (want({"name": "x", "system_name": "daemon"}), Found(accounts={"daemon": (1, 1)}))},
            Ids(),
            "accounts_users (name=x): daemon is an account of the system on a (uid 1); choose another name",
        ),
        (
            {"a": (want({"name": "x", "host_groups": ["dcoker"]}), Found(groups={"docker": 110}))},
            Ids(),
            'accounts_users (name=x): host_groups holds "dcoker", but a has no such group',
        ),
    ],
)
def test_collisions(hosts: dict[str, tuple[Desired, Found]], recorded: Ids, message: str) -> None:
    _ids, problems = allocate(hosts, recorded, "accounts-ids.txt")
    assert len(problems) == 1
    assert message in problems[0]


def test_two_who_are_only_remembered_with_one_number_stop_nobody() -> None:
    found = {"a": Found(recorded_users={"old": 20000}), "b": Found(recorded_users={"older": 20000})}
    hosts = {name: (want("mira"), one) for name, one in found.items()}
    ids, problems = allocate(hosts, Ids())
    assert problems == []
    assert ids.users["mira"] == 20001
    hosts["a"] = (want("mira", "old"), found["a"])
    assert "uid 20000 is or was that of older" in allocate(hosts, Ids())[1][0]


def test_a_range_that_is_used_up() -> None:
    desired, _problems = inputs.desired({"accounts_users": [{"name": "a"}, {"name": "b"}], "accounts_uid_max": 20000})
    _ids, problems = allocate({"h": (desired, Found())}, Ids())
    assert problems == [
        "accounts_uid_min..accounts_uid_max (20000 to 20000) is used up; 1 names need one more; widen the range"
    ]


def test_the_file_is_read_back_and_a_damaged_one_is_no_empty_one() -> None:
    ids = Ids({"mira": 20000}, {"leem": 30000})
    assert load(ids.dump(), "f") == ids
    assert ids.dump().splitlines()[1:] == ["group leem 30000", "user mira 20000"]
    assert load("", "f") == Ids()
    for line in ("user mira", "user mira x", "person mira 2", "user mira 1 2", "user mira -1", "user jonas 2"):
        with pytest.raises(ValueError, match=rf'/lab/ids.txt line 3: "{line}" is damaged or there twice'):
            load(f"# numbers\nuser jonas 1\n{line}\n", "/lab/ids.txt")


def test_limits_of_groups_add_up_the_highest_wins_and_the_own_value_overrides() -> None:
    leem = Limits(cpu=2, memory_bytes=8, images=("notebook",), pids=100)
    xps = Limits(cpu=4, memory_bytes=4, gpus=1, images=("teaching/*", "notebook"), pids=300)
    assert merge(Limits(), [leem, xps]) == Limits(4, 8, 1, ("notebook", "teaching/*"), 300)
    assert merge(Limits(cpu=1, images=("own",)), [leem, xps]) == Limits(1, 8, 1, ("own",), 300)
    assert merge(Limits(gpus=0), [xps]).gpus == 0
    assert merge(Limits(pids=64), [xps]).pids == 64
    several = [Limits(servers=2), Limits(servers=4), xps]
    assert (merge(Limits(), several).servers, merge(Limits(servers=1), several).servers) == (4, 1)
    assert merge(Limits(), []) == Limits()
    assert merge(Limits(), [Limits(), leem]) == leem
