# Copyright (c) 2026, The labserver.jupyter authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""SSH keys in homes that belong to people, who may have put anything in the way."""

from __future__ import annotations

from ansible_collections.labserver.jupyter.tests.unit.plugins.module_utils._accounts.accounts_host import (
    KEY,
    FakeHost,
)

OTHER_KEY = "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIJ2222222222222222222222222222222222222222222 mira@home"


def test_ssh_keys_of_the_lab_come_and_go_and_others_stay(host: FakeHost) -> None:
    host.run(users=[{"name": "mira", "ssh_keys": [KEY]}])
    file = host.root / "home/jupyter-mira/.ssh/authorized_keys"
    assert file.read_text() == f"{KEY}\n"
    assert file.stat().st_mode & 0o777 == 0o600
    file.write_text(f"{KEY}\n{OTHER_KEY}\n")
    assert host.run(users=[{"name": "mira", "ssh_keys": [KEY]}]).changed is False
    host.run(users=[{"name": "mira", "ssh_keys": []}])
    assert file.read_text() == f"{OTHER_KEY}\n"


def test_a_symbolic_link_does_not_lead_root_astray(host: FakeHost) -> None:
    host.run(users=[{"name": "mira"}])
    (host.root / "etc/secret").mkdir()
    (host.root / "home/jupyter-mira/.ssh").symlink_to(host.root / "etc/secret")
    result = host.run(users=[{"name": "mira", "ssh_keys": [KEY]}])
    assert len(result.failures) == 1
    assert list((host.root / "etc/secret").iterdir()) == []


def test_a_linked_file_of_keys_is_left_alone_and_told(host: FakeHost) -> None:
    host.run(users=[{"name": "mira"}])
    home = host.root / "home/jupyter-mira"
    (home / "keys").write_text(f"{OTHER_KEY}\n")
    (home / ".ssh").mkdir()
    host.owners[(home / ".ssh").stat().st_ino] = (20000, 20000)
    (home / ".ssh/authorized_keys").symlink_to("../keys")
    result = host.run(users=[{"name": "mira", "ssh_keys": [KEY]}])
    assert result.failures == ["ssh keys of jupyter-mira: /home/jupyter-mira/.ssh/authorized_keys is not a file"]
    assert (home / ".ssh/authorized_keys").read_text() == f"{OTHER_KEY}\n"


def test_a_folder_in_place_of_the_keys_stops_nobody_else(host: FakeHost) -> None:
    host.run(users=[{"name": "mira"}])
    folder = host.root / "home/jupyter-mira/.ssh/authorized_keys"
    folder.mkdir(parents=True)
    host.owners[folder.parent.stat().st_ino] = (20000, 20000)
    result = host.run(users=[{"name": "mira", "ssh_keys": [KEY]}, {"name": "jonas"}])
    assert result.failures == ["ssh keys of jupyter-mira: /home/jupyter-mira/.ssh/authorized_keys is not a file"]
    assert (host.root / "home/jupyter-jonas").is_dir()


def test_keys_with_a_comment_that_is_not_utf8_keep_their_bytes(host: FakeHost) -> None:
    host.run(users=[{"name": "mira", "ssh_keys": []}])
    ssh = host.root / "home/jupyter-mira/.ssh"
    ssh.mkdir()
    host.owners[ssh.stat().st_ino] = (20000, 20000)
    (ssh / "authorized_keys").write_bytes(OTHER_KEY.encode() + b" J\xf6rg\n")
    host.run(users=[{"name": "mira", "ssh_keys": [KEY]}])
    assert (ssh / "authorized_keys").read_bytes() == OTHER_KEY.encode() + b" J\xf6rg\n" + f"{KEY}\n".encode()
