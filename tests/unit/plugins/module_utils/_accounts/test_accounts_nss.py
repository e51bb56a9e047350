# Copyright (c) 2026, The labserver.jupyter authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Names and numbers of a directory, and ranges of further ids, are never given away."""

from __future__ import annotations

import os
import socket
from pathlib import Path

import pytest
from ansible_collections.labserver.jupyter.plugins.module_utils._accounts import nss
from ansible_collections.labserver.jupyter.plugins.module_utils._accounts.world import RefusedError
from ansible_collections.labserver.jupyter.tests.unit.plugins.module_utils._accounts.accounts_host import FakeHost


def directory(users: dict[str, int], groups: dict[str, int] | None = None, trouble: str = "") -> nss.NameService:
    """A directory as sssd shows it: it answers for each name and number, and lists nobody."""
    known = groups or {}
    names, group_names = {uid: name for name, uid in users.items()}, {gid: name for name, gid in known.items()}
    return nss.NameService(("sss",), trouble, users.get, names.get, known.get, group_names.get, users=dict, groups=dict)


@pytest.fixture
def host(tmp_path: Path) -> FakeHost:
    return FakeHost(tmp_path)


def uid_of(host: FakeHost, name: str) -> str:
    return (host.line("passwd", name) or ["", "", ""])[2]


def test_numbers_of_a_directory_are_passed_over(host: FakeHost) -> None:
    host.name_service = directory({"ldapanna": 20000, "ldapbert": 20002}, {"physics": 30000, "staff": 20003})
    host.run(users=[{"name": name} for name in ("anna", "bert", "carl")], groups=[{"name": "leem"}])
    assert [uid_of(host, f"jupyter-{name}") for name in ("anna", "bert", "carl")] == ["20001", "20004", "20005"]
    assert (host.line("group", "leem") or [])[2] == "30001"


def test_a_name_or_a_number_of_a_directory_is_refused(host: FakeHost) -> None:
    host.name_service = directory({"jupyter-anna": 5000, "ldapbert": 20002}, {"physics": 30000})
    before = host.snapshot()
    with pytest.raises(RefusedError) as refused:
        host.run(
            users=[{"name": "anna"}, {"name": "bert", "uid": 20002}, {"name": "carl", "host_groups": ["physics"]}],
        )
    told = "\n".join(refused.value.problems)
    assert "(name=anna): jupyter-anna is an account of a directory on this host (uid 5000" in told
    assert "(name=bert): uid 20002 belongs to the account ldapbert on this host" in told
    assert '(name=carl): host_groups holds "physics", which this host has from a directory' in told
    with pytest.raises(RefusedError, match=r"\(name=physics\): is a group of a directory on this host \(gid 30000"):
        host.run(groups=[{"name": "physics"}])
    assert host.snapshot() == before


def test_a_directory_that_does_not_answer_stops_new_accounts_alone(host: FakeHost) -> None:
    host.run(users=[{"name": "anna"}])
    host.name_service = directory({}, trouble="the source sss of /etc/nsswitch.conf does not answer")
    with pytest.raises(RefusedError, match="does not answer"):
        host.run(users=[{"name": "anna"}, {"name": "bert"}])
    assert host.run(users=[{"name": "anna"}]).changed is False


def test_ranges_of_further_ids_are_passed_over(host: FakeHost) -> None:
    path = host.root / "etc/subuid"
    path.write_text(path.read_text() + "mira-lxc:20000:5000\n")
    (host.root / "etc/subgid").write_text("mira-lxc:30000:10\n")
    host.run(users=[{"name": "anna"}], groups=[{"name": "leem"}])
    assert uid_of(host, "jupyter-anna") == "25000"
    assert (host.line("group", "leem") or [])[2] == "30010"
    with pytest.raises(RefusedError, match=r"uid 20007 lies in the range 20000:5000 of further ids of mira-lxc"):
        host.run(users=[{"name": "anna"}, {"name": "bert", "uid": 20007}], groups=[{"name": "leem"}])


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("passwd: files systemd\ngroup: files systemd\nhosts: files dns\n", ()),
        ("passwd:\tfiles systemd sss\ngroup: files [SUCCESS=merge] sss ldap # x\n", ("sss", "ldap")),
        ("passwd: compat\n# group: ldap\n", ("compat",)),
    ],
)
def test_which_sources_there_are(text: str, expected: tuple[str, ...]) -> None:
    assert nss.sources_of(text) == expected


def test_whether_a_configured_source_answers(tmp_path: Path) -> None:
    (tmp_path / "etc/sssd").mkdir(parents=True)
    (tmp_path / "etc/nsswitch.conf").write_text("passwd: files sss\n")
    assert nss.read(tmp_path).trouble == "", "installed, but not configured"
    (tmp_path / "etc/sssd/sssd.conf").write_text("")
    assert "the source sss of /etc/nsswitch.conf does not answer" in nss.read(tmp_path).trouble
    (tmp_path / "var/lib/sss/pipes").mkdir(parents=True)
    before = Path.cwd()
    os.chdir(tmp_path / "var/lib/sss/pipes")  # the path of a socket may be no longer than 108 bytes
    try:
        with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as server:
            server.bind("nss")
            server.listen()
            os.chdir(tmp_path)
            assert nss.read(Path()).trouble == ""
    finally:
        os.chdir(before)


def test_the_real_name_service_knows_the_accounts_of_this_machine() -> None:
    service = nss.read(Path("/nowhere"))
    assert service.sources == ("unknown",)
    assert (service.user("root"), service.user_of(0), service.group_of(0)) == (0, "root", "root")
    assert (service.user("no-such-name"), service.user_of(4123456789), service.group("no-such-name")) == (None,) * 3
