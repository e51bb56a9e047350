# Copyright (c) 2026, The labserver.jupyter authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Every rule of the inputs has its message, with place, name and remedy; all problems come at once."""

from __future__ import annotations

from datetime import UTC, date, datetime
from pathlib import Path
from typing import Any

import pytest
from ansible_collections.labserver.jupyter.plugins.module_utils._accounts import input as inputs
from ansible_collections.labserver.jupyter.plugins.module_utils._accounts.limits import Limits

KEY = "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIJ1111111111111111111111111111111111111111111 mira@desk"


def told(**variables: Any) -> list[str]:
    return inputs.problems({f"accounts_{key}": value for key, value in variables.items()})


USER_CASES: list[tuple[dict[str, Any], str]] = [
    ({"groups": [False]}, "groups holds something that is the truth value false"),
    ({"full_name": 7}, 'full_name is the number 7; put it in quotes: "7"'),
    ({"uid": "020001"}, 'uid "020001" begins with a zero, as octal numbers do; write it without'),
    ({"quota": 493}, 'quota "493" is only 493 bytes; give a size such as 20G, or 0 for none'),
    ({"quota": "0755"}, 'quota "0755" begins with a zero'),
    ({"uid": "x"}, 'uid "x" is not an integer; give a whole number from 1000 to 59999'),
    ({"uid": 1.5}, 'uid "1.5" is not an integer; give a whole number from 1000 to 59999'),
    ({"uid": True}, 'uid "True" is not an integer; give a whole number from 1000 to 59999'),
    ({"uid": 0}, "uid 0 is out of range; give a whole number from 1000 to 59999"),
    ({"state": "absnet"}, 'state "absnet" is unknown; did you mean absent?'),
    ({"state": "gone"}, 'state "gone" is unknown; use present, locked, absent'),
    ({"fullname": "M"}, 'unknown key "fullname"; did you mean full_name?'),
    ({"zzz": 1}, 'unknown key "zzz"; known: name, full_name, groups, host_groups, admin'),
    ({"full_name": "a:b"}, "full_name 'a:b' is not a text without colon and line break"),
    ({"full_name": "a\nroot"}, "full_name 'a\\nroot' is not a text without colon and line break"),
    (
        {"groups": ["lem"]},
        'group "lem" is not in accounts_groups; add it there, or name a group of the host in host_groups',
    ),
    ({"groups": "leem"}, "groups is not a list of names; give for example [leem, xps]"),
    ({"groups": ["a b"]}, 'groups holds "a b", which is not a valid group name'),
    ({"host_groups": ["leem"]}, 'host_groups holds "leem", which is a lab group; move it to groups'),
    ({"admin": "maybe"}, 'admin "maybe" is neither true nor false'),
    ({"expires": "31.03.2027"}, 'expires "31.03.2027" is not a date; give the last day of access as YYYY-MM-DD'),
    ({"expires": "2027-02-30"}, 'expires "2027-02-30" is not a date; give the last day of access as YYYY-MM-DD'),
    ({"ssh_keys": KEY}, "ssh_keys is not a list of public keys"),
    (
        {"ssh_keys": ["-----BEGIN"]},
        'holds "-----BEGIN", which is not a public key; give the line of a .pub file',
    ),
    ({"ssh_keys": [KEY + "\n" + KEY]}, "which is not a public key"),
    ({"shell": "bash"}, 'shell "bash" is not an absolute path'),
    ({"limits": 3}, "limits is not a mapping; give for example {cpu: 2, memory: 4G}"),
    ({"limits": {"mem": "4G"}}, 'unknown key "limits.mem"; did you mean limits.memory?'),
    ({"limits": {"cpu": "two"}}, 'limits.cpu "two" is not a number of cores; give for example 2 or 0.5'),
    ({"limits": {"cpu": 0}}, 'limits.cpu "0" is not a number of cores'),
    ({"limits": {"cpu": "nan"}}, 'limits.cpu "nan" is not a number of cores'),
    (
        {"limits": {"memory": "4X"}},
        'limits.memory "4X" is not a size; write a number with K, M, G or T, for example 4G',
    ),
    ({"limits": {"memory": 4}}, 'limits.memory "4" is less than 64M, too little for a notebook; give for example 4G'),
    ({"limits": {"pids": "many"}}, 'limits.pids "many" is not a number of processes; give 64 or more'),
    ({"limits": {"pids": 8}}, 'limits.pids "8" is not a number of processes; give 64 or more'),
    ({"limits": {"servers": 0}}, 'limits.servers "0" is not a number of servers; give 1 (as without it) to 10'),
    ({"limits": {"servers": 11}}, 'limits.servers "11" is not a number of servers; give 1 (as without it) to 10'),
    ({"limits": {"servers": "two"}}, 'limits.servers "two" is not a number of servers; give 1 (as without it) to 10'),
    ({"limits": {"servers": True}}, 'limits.servers "True" is not a number of servers; give 1 (as without it) to 10'),
    ({"limits": {"servers": 2.5}}, 'limits.servers "2.5" is not a number of servers; give 1 (as without it) to 10'),
    ({"limits": {"gpus": -1}}, 'limits.gpus "-1" is not a whole number; give 0, 1, 2, ...'),
    ({"limits": {"images": "all"}}, "limits.images is not a list of patterns"),
    ({"quota": "lots"}, 'quota "lots" is not a size; write a number with K, M, G or T, for example 4G'),
    (
        {"system_name": "Mira M"},
        'system_name "Mira M" is not a valid account name; leave it out for the usual jupyter-<name>',
    ),
]


@pytest.mark.parametrize(
    ("name", "message"),
    [
        (False, "name is the truth value false, which YAML makes of no, off and false; put it in quotes"),
        (2027, 'name is the number 2027; put it in quotes: "2027"'),
        (date(2027, 3, 31), 'name is the date 2027-03-31, not a text; put it in quotes: "2027-03-31"'),
    ],
)
def test_it_is_said_what_yaml_made_of_a_name(name: object, message: str) -> None:
    assert told(users=[{"name": name}]) == [f"accounts_users[0]: {message}"]
    assert told(groups=[{"name": name}]) == [f"accounts_groups[0]: {message}"]


@pytest.mark.parametrize(("fields", "message"), USER_CASES, ids=[str(case[0])[:40] for case in USER_CASES])
def test_a_wrong_field_of_a_person(fields: dict[str, Any], message: str) -> None:
    problems = told(users=[{"name": "jonas"}, {"name": "mira", **fields}], groups=[{"name": "leem"}])
    assert len(problems) == 1
    assert problems[0].startswith("accounts_users[1] (name=mira): ")
    assert message in problems[0]


@pytest.mark.parametrize(
    ("variables", "message"),
    [
        (
            {"users": [{"uid": 2000}]},
            "accounts_users[0]: name is missing; give the login name at the hub, for example mira",
        ),
        ({"users": ["mira"]}, "accounts_users[0]: 'mira' is not a mapping; write for example - name: mira"),
        ({"users": [{"name": "Mira"}]}, 'accounts_users[0] (name=Mira): name "Mira" has capital letters'),
        ({"users": {"mira": 1}}, "accounts_users: is not a list; write one entry a line, each beginning with a hyphen"),
        (
            {"users_host": [{"name": "a"}, {"name": "a"}]},
            "accounts_users_host[1] (name=a): is a duplicate of accounts_users_host[0]; keep one of them",
        ),
        (
            {"users": [{"name": "a", "uid": 2000}, {"name": "b", "uid": "2000"}]},
            "accounts_users[1] (name=b): uid 2000 is also given to a; choose another or leave it out",
        ),
        (
            {"users": [{"name": "a"}, {"name": "b", "system_name": "jupyter-a"}]},
            "accounts_users[1] (name=b): its account would be jupyter-a, which is that of a as well",
        ),
        (
            {"groups": [{"name": "leem", "gid": 30000}, {"name": "xps", "gid": 30000}]},
            "accounts_groups[1] (name=xps): gid 30000 is also given to leem; choose another or leave it out",
        ),
        (
            {"groups": [{"name": "leem", "members": []}]},
            'accounts_groups[0] (name=leem): unknown key "members"; did you mean',
        ),
        ({"groups": [{"name": "jupyter-x"}]}, "accounts_groups[0] (name=jupyter-x): name"),
        (
            {"shared_folders": [{"path": "/srv/leem", "group": "lem"}]},
            'accounts_shared_folders[0]: group "lem" is not in accounts_groups; add it there',
        ),
        (
            {"shared_folders": [{"path": "srv", "group": "x"}]},
            'accounts_shared_folders[0]: path "srv" is not an absolute path',
        ),
        ({"shared_folders": [{"path": "/a/../b", "group": "x"}]}, "is not an absolute path"),
        ({"shared_folders": [{"path": "/srv"}]}, "accounts_shared_folders[0]: group is missing"),
        (
            {"shared_folders": [{"path": "/srv", "group": "x", "others": "rw"}]},
            'accounts_shared_folders[0]: others "rw" is unknown; use none or read',
        ),
        ({"uid_min": 20000, "uid_max": 19999}, "a range is empty"),
        ({"uid_max": 31000}, "overlap; every person has a group of the same number, so keep the ranges apart"),
        ({"uid_min": "x"}, 'accounts_uid_min: "x" is not an integer; give a whole number from 1000 to 59999'),
        ({"unlisted": "delete"}, 'accounts_unlisted: "delete" is unknown; use lock, keep'),
        ({"archive_folder": "archive"}, 'accounts_archive_folder: "archive" is not an absolute path'),
        ({"quota": "much"}, 'accounts_quota: "much" is not a size'),
        ({"groups": ["leem"]}, "accounts_groups[0]: 'leem' is not a mapping; write for example - name: leem"),
        ({"groups": [{"gid": 3000}]}, "accounts_groups[0]: name is missing"),
        ({"groups": [{"name": "leem", "gid": 100}]}, "accounts_groups[0] (name=leem): gid 100 is out of range"),
        (
            {"groups": [{"name": "leem", "limits": {"cpu": -1}}]},
            'accounts_groups[0] (name=leem): limits.cpu "-1" is not',
        ),
        ({"groups": [{"name": "leem", "host_members": "op"}]}, "(name=leem): host_members is not a list of names"),
        (
            {"groups_group": [{"name": "leem"}, {"name": "leem"}]},
            "accounts_groups_group[1] (name=leem): is a duplicate of accounts_groups_group[0]; keep one of them",
        ),
        ({"groups_host": {"leem": {}}}, "accounts_groups_host: is not a list"),
        ({"shared_folders": "/srv"}, "accounts_shared_folders: is not a list"),
        ({"shared_folders": ["/srv"]}, "accounts_shared_folders[0]: is not a mapping; write for example - {path:"),
        (
            {"shared_folders": [{"path": "/srv", "group": "leem", "mode": 7}], "groups": [{"name": "leem"}]},
            'accounts_shared_folders[0]: unknown key "mode"; known: path, group, others',
        ),
        ({"gid_min": 39000, "gid_max": 38000}, "a range is empty"),
        ({"remove_homes": "perhaps"}, 'accounts_remove_homes: "perhaps" is neither true nor false'),
        (
            {"expiry_notice_days": 400},
            "accounts_expiry_notice_days: 400 is out of range; give a whole number from 0 to",
        ),
        ({"home_folder": "/home/"}, 'accounts_home_folder: "/home/" is not an absolute path'),
        ({"shell": "bash"}, 'accounts_shell: "bash" is not an absolute path'),
        ({"users_from": "students.csv"}, "write {{ inventory_dir }}/students.csv"),
        ({"users_from": "/nonexistent/students.csv"}, "cannot be read on the controller: No such file or directory"),
    ],
)
def test_a_wrong_list_or_setting(variables: dict[str, Any], message: str) -> None:
    problems = told(**variables)
    assert len(problems) == 1, problems
    assert message in problems[0]


def test_two_long_names_that_end_in_the_same_account() -> None:
    seen: dict[str, str] = {}
    pair: tuple[str, str] | None = None
    for number in range(20000):  # five hexadecimal digits of a hash meet soon
        name = f"a-very-long-name-indeed-{number}"
        account = inputs.system_name(name)
        if account in seen:
            pair = (seen[account], name)
            break
        seen[account] = name
    assert pair is not None
    problems = told(users=[{"name": pair[0]}, {"name": pair[1]}])
    assert len(problems) == 1
    assert f"which is that of {pair[0]} as well; rename one of them" in problems[0]


def test_a_list_of_500_with_seven_mistakes_names_all_seven() -> None:
    users: list[dict[str, Any]] = [{"name": f"student{number}"} for number in range(500)]
    users[3]["uid"] = "x"
    users[77]["state"] = "lockd"
    users[123]["name"] = "Student"
    users[200]["groups"] = ["nobody-knows"]
    users[301]["name"] = "student300"
    users[444]["shel"] = "/bin/sh"
    users[499]["limits"] = {"memory": "viel"}
    problems = told(users=users)
    assert [problem.split(":")[0] for problem in sorted(problems, key=lambda text: int(text[15:].split("]")[0]))] == [
        "accounts_users[3] (name=student3)",
        "accounts_users[77] (name=student77)",
        "accounts_users[123] (name=Student)",
        "accounts_users[200] (name=student200)",
        "accounts_users[301] (name=student300)",
        "accounts_users[444] (name=student444)",
        "accounts_users[499] (name=student499)",
    ]


def test_lists_add_up_and_later_ones_lie_on_top() -> None:
    desired, problems = inputs.desired(
        {
            "accounts_groups": [{"name": "leem", "limits": {"memory": "4G", "cpu": 2}}, {"name": "xps"}],
            "accounts_groups_host": [{"name": "leem", "limits": {"memory": "8G"}}],
            "accounts_users": [{"name": "mira", "groups": ["leem"], "shell": "/bin/sh"}, {"name": "jonas"}],
            "accounts_users_group": [{"name": "mira", "groups": ["xps"], "admin": True}],
            "accounts_users_host": [{"name": "mira", "shell": "/bin/zsh"}, {"name": "nadia"}],
        }
    )
    assert problems == []
    mira = desired.users[0]
    assert (mira.groups, mira.shell, mira.admin) == (("leem", "xps"), "/bin/zsh", True)
    assert [user.name for user in desired.users] == ["mira", "jonas", "nadia"]
    assert desired.groups[0].limits == Limits(cpu=2.0, memory_bytes=8 * 1024**3)


CSV = (
    "\ufeffName;Full name;groups;admin;expires;memory;images;ssh_key\r\n"
    'mira;"M; Mira";leem xps;yes;2027-03-31;4G;notebook teaching/*;\r\n'
    "\r\n"
    f"jonas;;leem;;;;;{KEY}\r\n"
)


def test_people_from_a_spreadsheet_lie_below_the_lists() -> None:
    variables = {
        "accounts_users_from": "/lab/students.csv",
        "accounts_users": [{"name": "jonas", "admin": True}],
        "accounts_groups": [{"name": "leem"}, {"name": "xps"}],
    }
    desired, problems = inputs.desired(variables, read=lambda path: {"/lab/students.csv": CSV}[path])
    assert problems == []
    mira, jonas = desired.users
    assert (mira.full_name, mira.groups, mira.admin, mira.expires) == (
        "M; Mira",
        ("leem", "xps"),
        True,
        date(2027, 3, 31),
    )
    assert mira.limits == Limits(memory_bytes=4 * 1024**3, images=("notebook", "teaching/*"))
    assert (jonas.groups, jonas.admin, jonas.ssh_keys) == (("leem",), True, (KEY,))


def test_a_spreadsheet_of_an_old_program(tmp_path: Path) -> None:
    file = tmp_path / "students.csv"
    file.write_bytes("name,full_name\nmira,Mira Müller\n".encode("latin-1"))
    (problem,) = told(users_from=str(file))
    assert problem == f"accounts_users_from: {file} is not UTF-8; save it again as CSV (UTF-8)"
    file.write_bytes("\ufeffname,full_name\nmira,Mira Müller\n".encode())
    assert told(users_from=str(file)) == []


@pytest.mark.parametrize(("word", "meant"), [("Yes", True), ("1", True), ("no", False), ("FALSE", False)])
def test_words_for_true_and_false(word: str, meant: bool) -> None:
    desired, problems = inputs.desired({"accounts_users": [{"name": "mira", "admin": word}]})
    assert (problems, desired.users[0].admin) == ([], meant)


@pytest.mark.parametrize("value", [date(2027, 3, 31), datetime(2027, 3, 31, 12, 0, tzinfo=UTC), "2027-03-31"])
def test_a_day_as_yaml_may_give_it(value: object) -> None:
    desired, problems = inputs.desired({"accounts_users": [{"name": "mira", "expires": value}]})
    assert (problems, desired.users[0].expires) == ([], date(2027, 3, 31))


@pytest.mark.parametrize(
    ("text", "messages"),
    [
        ("", ["students.csv: no column is called name; the first line must name the columns"]),
        ("nmae,uid\na,2000\n", ["no column is called name"]),
        ("name,gruops\na,x\n", ['students.csv: unknown column "gruops"; did you mean groups?']),
        ("sep=;\nname;uid\na;x\n", ['students.csv line 3 (name=a): uid "x" is not an integer']),
        ("name,uid,uid\na,1,2\n", ['students.csv: column "uid" is there twice; keep one of them']),
        ("name,uid\na,2000,x\n", ["students.csv line 2: 3 cells, but 2 columns"]),
        (
            "name,uid\na,x\n\nb,5\n,3000\n",
            [
                'students.csv line 2 (name=a): uid "x" is not an integer',
                "students.csv line 4 (name=b): uid 5 is out of range",
                "students.csv line 5: name is missing",
            ],
        ),
        ("name\na\na\n", ["students.csv line 3 (name=a): is a duplicate of students.csv line 2; keep one of them"]),
        ('name\n"a\n', ["students.csv line 2: unexpected end of data; save the file again as CSV (UTF-8)"]),
    ],
)
def test_a_wrong_spreadsheet(text: str, messages: list[str]) -> None:
    problems = inputs.problems({"accounts_users_from": "/lab/students.csv"}, read=lambda path: text)
    assert len(problems) == len(messages), problems
    for problem, message in zip(problems, messages, strict=True):
        assert message in problem


def test_plain_data_says_the_same() -> None:
    variables = {
        "accounts_users_from": "/lab/students.csv",
        "accounts_users": [{"name": "nadia", "uid": 2000, "state": "locked", "quota": "20G", "host_groups": ["users"]}],
        "accounts_groups": [{"name": "leem", "gid": 30007}, {"name": "xps", "host_members": ["www-data"]}],
        "accounts_shared_folders": [{"path": "/srv/leem", "group": "leem"}],
    }
    desired, problems = inputs.desired(variables, read=lambda path: CSV)
    assert problems == []
    again, problems = inputs.desired({f"accounts_{key}": value for key, value in inputs.plain(desired).items()})
    assert problems == []
    assert again == desired
