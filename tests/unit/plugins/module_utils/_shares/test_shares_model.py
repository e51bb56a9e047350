# Copyright (c) 2026, The labserver.jupyter authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What may be asked of the shares, and what comes of it: rights, options, unit names, files."""

from __future__ import annotations

import copy
import shutil
import subprocess
from pathlib import Path
from typing import Any

import pytest
from ansible_collections.labserver.jupyter.plugins.module_utils._shares import input as input_core
from ansible_collections.labserver.jupyter.plugins.module_utils._shares import model
from ansible_collections.labserver.jupyter.plugins.module_utils._shares import options as options_core
from ansible_collections.labserver.jupyter.plugins.module_utils._shares import world as host_core
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

GOOD: dict[str, Any] = {
    "shares_root": "/srv/labserver/shares",
    "shares_credentials": {"nas": {"username": "lab", "password": ", a#b 'c' \"d\" =\u00e4%x\\"}},
    "shares_list": [
        {"name": "data", "source": "//192.168.2.99/data", "credentials": "nas", "access": {"leem": "rw"}},
        {"name": "kerberos", "source": "//nas/k", "options": {"sec": "krb5", "multiuser": True}, "others": "ro"},
        {"name": "home", "type": "nfs", "source": "[fd00::1]:/home", "access": {"leem": "rw", "xps": "rw"}},
        {"name": "scratch", "type": "local", "source": "/srv/scratch", "access": {"leem": "rw"}},
    ],
}


def test_good_inputs_have_no_problems() -> None:
    assert input_core.problems(GOOD) == []
    assert input_core.problems({}) == []


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ({"name": "Data"}, 'name "Data" is not valid'),
        ({"name": "../x", "path": "/mnt/x"}, "is not valid"),
        ({"type": "smb"}, 'type "smb" is not known; use cifs, nfs, local'),
        ({"source": "\\\\nas\\data"}, "give //server/share"),
        ({"source": "//nas"}, "give //server/share"),
        ({"source": "//nas/da\nta"}, "give //server/share"),
        ({"type": "nfs", "source": "/home", "credentials": None}, "give server:/folder"),
        ({"type": "local", "source": "/home", "credentials": None}, "is a folder of the system"),
        ({"type": "local", "source": "/srv/labserver/shares/x", "credentials": None}, "lies below"),
        ({"path": "mnt/data"}, "give a normal absolute path"),
        ({"path": "/mnt/data/"}, "give a normal absolute path"),
        ({"path": "/mnt/../etc"}, "give a normal absolute path"),
        ({"path": "/home"}, "is a folder of the system"),
        ({"path": "/srv/labserver"}, "meets shares_root"),
        ({"path": "/etc/labserver"}, "holds the folders of all roles"),
        ({"path": "/srv/labserver/shares/data/x"}, "meets shares_root"),
        ({"credentials": "other"}, 'credentials "other" are not in shares_credentials; add them there (known: nas)'),
        ({"credentials": None}, "credentials are missing"),
        ({"options": {"sec": "krb5"}}, "are not used with Kerberos"),
        ({"type": "nfs", "source": "nas:/x"}, "credentials are not used for type"),
        ({"access": {"leem": "write"}}, 'access[leem]: "write" is not a right'),
        ({"access": {"Le em": "rw"}}, "is not the name of a group"),
        ({"access": {}}, "nobody may see it"),
        ({"others": "rw"}, "for rw, name a group"),
        ({"access": {"leem": "rw", "xps": "rw", "guests": "ro"}}, "belongs to one group"),
        ({"options": {"password": "x"}}, "passwords stand in shares_credentials"),
        ({"options": {"file_mode": 436}}, "put it in quotes"),
        ({"options": {"uid": "1,gid=2"}}, "cannot be empty or hold commas"),
        ({"options": {"uid": [1]}}, "give true"),
        ({"options": {"a b": True}}, "not the name of a mount option"),
        ({"sentinel": "../x"}, "relative to the share"),
        ({"min_free_percent": 101}, "from 0"),
        ({"min_free_percent": "101"}, "from 0"),
        ({"when_absent": "panic"}, "use wait, refuse or without"),
        ({"colour": "red"}, '"colour" is not known'),
    ],
)
def test_each_problem_is_named(change: dict[str, Any], said: str) -> None:
    inputs = copy.deepcopy(GOOD)
    inputs["shares_list"][0].update(change)
    found = input_core.problems(inputs)
    assert len(found) == 1 and said in found[0], found
    assert found[0].startswith(f"shares_list[0] (name={inputs['shares_list'][0]['name']}): ")


@pytest.mark.parametrize(
    ("account", "said"),
    [
        ({"username": "", "password": "x"}, "must both be given"),
        ({"username": "LAB\\me", "password": "x"}, "field of its own"),
        ({"username": "me ", "password": "x"}, "begin or end with a blank"),
        ({"username": "me%x", "password": "x"}, "cannot hold %"),
        ({"username": "me", "password": "a\nb"}, "line breaks"),
        ({"username": "me", "password": 12}, "put numbers in quotes"),
        ({"username": "me", "password": "x" * 513}, "too long"),
        ({"username": "me", "password": "x", "pass": "y"}, '"pass" is not known'),
    ],
)
def test_credentials_that_mount_cifs_cannot_read(account: dict[str, Any], said: str) -> None:
    found = input_core.problems({"shares_credentials": {"nas": account}})
    assert len(found) == 1 and said in found[0]
    assert account["password"] in ("x", 12) or str(account["password"]) not in found[0], "a password is never repeated"


def test_all_problems_at_once_and_clashes() -> None:
    inputs = copy.deepcopy(GOOD)
    inputs["shares_list"] += [
        {"name": "data", "source": "x", "path": "/mnt/data/sub", "access": {"leem": "rw"}, "credentials": "nas"},
    ]
    found = input_core.problems(inputs | {"shares_root": "/srv", "shares_options": {"smb": {}, "nfs": {"cred": "x"}}})
    assert len(found) == 7, found
    assert "the name is that of shares_list[0] too" in found[-2] and "paths cannot contain each other" in found[-1]


@pytest.mark.parametrize("source", ["/mnt/data/sub", "/mnt/data", "/mnt/books"])
def test_a_share_within_another_one(source: str) -> None:
    """A bind that is read-only lets writes through to what is mounted below it."""
    inputs = copy.deepcopy(GOOD)
    inputs["shares_list"].append(
        {"name": "books", "type": "local", "source": source, "path": "/mnt/books", "access": {"leem": "rw"}}
    )
    found = input_core.problems(inputs)
    assert len(found) == 1 and "a share cannot lie within another one" in found[0], found


@pytest.mark.parametrize("root", ["/srv", "/srv/labserver", "/etc/labserver", "shares", "/data/../x", "/data/"])
def test_a_root_that_is_not_the_shares_own(root: str) -> None:
    found = input_core.problems({"shares_root": root})
    assert len(found) == 1 and "give a folder of its own" in found[0]


RIGHTS = [
    # access, others -> gid, files, folders; and what a member of leem, of xps and anybody else can do with a file
    ({"leem": "rw"}, "none", (1, "0660", "0770"), ("rw", "", "")),
    ({"leem": "rw", "xps": "ro"}, "none", (1, "0664", "0775"), ("rw", "r", "r")),
    ({"leem": "rw"}, "ro", (1, "0664", "0775"), ("rw", "r", "r")),
    ({"leem": "ro"}, "none", (1, "0440", "0550"), ("r", "", "")),
    ({"leem": "ro", "xps": "ro"}, "none", (0, "0444", "0555"), ("r", "r", "r")),
    ({}, "ro", (0, "0444", "0555"), ("r", "r", "r")),
    ({"leem": "rw", "xps": "rw"}, "none", (0, "0666", "0777"), ("rw", "rw", "rw")),
]


@pytest.mark.parametrize(("access", "others", "expected", "can"), RIGHTS)
def test_rights_of_a_mounted_share(
    access: dict[str, str], others: str, expected: tuple[int, str, str], can: tuple[str, str, str]
) -> None:
    gids = {"leem": 1, "xps": 2}
    result = options_core.permissions(access, others, gids)
    assert (result["gid"], result["file_mode"], result["dir_mode"]) == expected and result["uid"] == 0
    mode = int(result["file_mode"], 8)
    for gid, wanted in zip((1, 2, 99), can, strict=True):  # the kernel's rule, in short
        bits = mode >> 3 & 7 if gid == result["gid"] else mode & 7
        assert ("r" if bits & 4 else "") + ("w" if bits & 2 else "") == wanted


def share(**fields: Any) -> model.Share:
    raw = {"name": "data", "source": "//nas/data/", "credentials": "nas", "access": {"leem": "rw"}} | fields
    options = {"cifs": {"vers": "3.0", "soft": False}}
    return model.desired_share(raw, root="/srv/s", options=options, gids={"leem": 1, "xps": 2}, min_free_percent=5)


def test_options_layers() -> None:
    words = set(
        share(options={"seal": True, "nodev": False, "uid": 1000, "x-systemd.mount-timeout": "5s"}).entry.options.split(
            ","
        )
    )
    assert {"vers=3.0", "seal", "uid=1000", "gid=1", "rw", "_netdev", "nofail", "x-systemd.automount"} <= words
    assert {"x-systemd.mount-timeout=5s", "credentials=/etc/labserver/shares/credentials/nas"} <= words
    assert not {"soft", "nodev", "uid=0", "vers=3.1.1", "ro"} & words
    assert share().source == "//nas/data"


def test_a_share_for_work_can_execute_change_modes_and_lock() -> None:
    words = set(share(use="work").entry.options.split(","))
    assert {"noperm", "nobrl", "rw", "uid=0", "gid=1", "file_mode=0770", "dir_mode=0770"} <= words
    words = set(share(use="work", access={"leem": "rw", "xps": "rw"}).entry.options.split(","))
    assert {"noperm", "nobrl", "file_mode=0777", "dir_mode=0777"} <= words
    assert "nobrl" not in share(use="work", options={"nobrl": False}).entry.options.split(",")
    assert not {"noperm", "nobrl"} & set(share(use="data").entry.options.split(","))
    local = share(use="work", type="local", source="/srv/x", credentials=None).entry.options.split(",")
    assert not {"noperm", "nobrl"} & set(local)


@pytest.mark.parametrize(
    "fields", [{"access": {"leem": "rw", "xps": "ro"}}, {"others": "ro"}, {"access": {"leem": "ro"}}]
)
def test_a_share_for_work_has_no_readers(fields: dict[str, Any]) -> None:
    raw = {
        "name": "data",
        "source": "//nas/data",
        "credentials": "nas",
        "access": {"leem": "rw"},
        "use": "work",
    } | fields
    found = input_core.problems(
        {"shares_list": [raw], "shares_credentials": {"nas": {"username": "a", "password": "b"}}}
    )
    assert [text for text in found if 'use "work" lets everybody write who sees the share' in text], found


def test_kerberos_leaves_rights_to_the_server() -> None:
    words = share(credentials=None, options={"sec": "krb5", "multiuser": True}).entry.options
    assert "sec=krb5,multiuser" in words
    assert not any(word in words for word in ("credentials", "gid=", "file_mode", "uid="))


@pytest.mark.parametrize("change", [{"source": "//nas/b"}, {"options": {"seal": True}}, {"access": {"leem": "ro"}}])
def test_fingerprint_follows_what_is_mounted(change: dict[str, Any]) -> None:
    first = share().fingerprint(b"secret", "salt")
    assert first == share(when_absent="wait", min_free_percent=1.0).fingerprint(b"secret", "salt")
    assert first != share(**change).fingerprint(b"secret", "salt") and first != share().fingerprint(b"other", "salt")
    assert first != share().fingerprint(b"secret", "pepper")


def test_credentials_file_for_mount_cifs() -> None:
    """Its parser takes blanks round '=' and quotes literally and wants plain line ends and no byte order mark."""
    text = model.credentials_file({"domain": "LAB", "password": " p\u00e4=\\", "username": "lab"})
    assert text == "username=lab\npassword= p\u00e4=\\\ndomain=LAB\n".encode()


PATHS = ["/", "/mnt/data", "/mnt/lab books", "/a-b/.c/d.e", "/.x", "/\u00e4/%i/a\\b:c_d", "//a///b/"]


@pytest.mark.parametrize("path", PATHS)
def test_unit_names_are_those_of_systemd(path: str) -> None:
    if not shutil.which("systemd-escape"):
        pytest.skip("systemd-escape is not installed")
    done = subprocess.run(["systemd-escape", "--path", path], capture_output=True, text=True, check=True)
    assert model.unit_name(path) == done.stdout.strip()


def test_acl_is_one_that_the_system_understands(tmp_path: Path) -> None:
    import os  # noqa: PLC0415

    try:
        os.setxattr(tmp_path, "system.posix_acl_access", host_core.acl_value(0o750, [30002, 30001]))
    except OSError as error:
        pytest.skip(f"no ACLs here: {error}")
    assert host_core.acl_groups(os.getxattr(tmp_path, "system.posix_acl_access")) == (30001, 30002)
    assert tmp_path.stat().st_mode & 0o777 == 0o750
    if shutil.which("getfacl"):
        said = subprocess.run(["getfacl", "-n", str(tmp_path)], capture_output=True, text=True, check=True).stdout
        assert {"user::rwx", "group::r-x", "group:30001:r-x", "mask::r-x", "other::---"} <= set(said.split())


def test_a_command_that_hangs_is_left_in_time() -> None:
    import time  # noqa: PLC0415

    begin = time.monotonic()
    done = host_core.run_command(["sh", "-c", "echo said; sleep 60 & sleep 60"], 0.3)
    assert (done.code, done.output) == (None, "said") and time.monotonic() - begin < 5
    assert host_core.run_command(["/no/such/program"], 1).code == 127
    assert host_core.run_command(["sh", "-c", "echo x >&2; exit 3"], 5) == host_core.Done(3, "x")


@settings(max_examples=30, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.binary(max_size=50), st.sampled_from([0o600, 0o644]))
def test_files_are_replaced_whole(tmp_path: Path, content: bytes, mode: int) -> None:
    host = host_core.World(str(tmp_path))
    host.write("/a/b/c", b"old", 0o644)
    with (tmp_path / "a/b/c").open("rb") as reader:
        host.write("/a/b/c", content, mode)
        assert reader.read() == b"old", "who reads the old file keeps reading it"
    assert (host.read("/a/b/c"), host.mode("/a/b/c")) == (content, mode)
    assert [place.name for place in (tmp_path / "a/b").iterdir()] == ["c"]
