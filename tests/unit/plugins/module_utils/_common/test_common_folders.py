# Copyright (c) 2026, The labserver.jupyter authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""No role takes a folder of the system or of another role for its own."""

from __future__ import annotations

from pathlib import Path

import pytest
import yaml
from ansible_collections.labserver.jupyter.plugins.module_utils._common import folders
from ansible_collections.labserver.jupyter.plugins.module_utils._common.mounts import Mount

ROLES = Path(folders.__file__).parents[3] / "roles"
# Inputs that name folders whose owner and rights no role sets, each with the reason.
NOT_OWNED = {
    "accounts_home_folder": "homes are made in it; it stays as it is",
    "accounts_skeleton_folder": "only read",
    "hub_homes_folders": "only bound",
    "hub_passwords_folder": "on the controller",
    "accounts_shared_folders": "a list; the core checks each entry",
}


@pytest.mark.parametrize(
    ("path", "room", "why"),
    [
        ("/etc", "accounts", "folder of the system"),
        ("/srv", "accounts", "folder of the system"),
        ("/", "registry", "folder of the system"),
        ("/etc/cron.d", "accounts", "lies below /etc"),
        ("/var/lib/docker/volumes", "registry", "lies below /var/lib/docker"),
        ("/srv/labserver", "registry", "holds the folders of all roles"),
        ("/srv/labserver/registry", "accounts", "belongs to the role registry"),
        ("/srv/labserver/registry/docker/x", "cocalc", "belongs to the role registry"),
        ("/etc/labserver/tls", "compose_app", "belongs to the role certificates"),
        ("/srv/../etc", "accounts", "plain absolute path"),
        ("//etc", "accounts", "plain absolute path"),
        ("srv/x", "accounts", "plain absolute path"),
    ],
)
def test_a_folder_that_is_not_the_roles(path: str, room: str, why: str) -> None:
    assert why in folders.not_ours(path, room)


@pytest.mark.parametrize(
    ("path", "room"),
    [
        ("/srv/labserver/registry", "registry"),
        ("/srv/labserver/groups/leem", "accounts"),
        ("/etc/labserver/compose", "compose_app"),
        ("/data", "registry"),
        ("/mnt/disk/registry", "registry"),
        ("/home/archive", "accounts"),
    ],
)
def test_a_folder_of_its_own(path: str, room: str) -> None:
    assert folders.not_ours(path, room) == ""


def test_folders_of_different_roles_do_not_contain_each_other() -> None:
    values = {"registry_data_folder": "/data", "shares_root": "/data/shares", "cocalc_data_folder": "/data2"}
    assert folders.problems(values, {}) == [
        'registry_data_folder: "/data" meets shares_root "/data/shares"; give folders that do not contain each other'
    ]
    found = folders.problems({"shares_root": "/srv/s"}, {"accounts_shared_folders[0]": ("accounts", "/srv/s/x")})
    assert found == [
        'shares_root: "/srv/s" meets accounts_shared_folders[0] "/srv/s/x"; give folders that do not contain each other'
    ]


def test_the_defaults_of_all_roles_are_good_and_every_folder_is_known() -> None:
    values = {}
    for role in ROLES.iterdir():
        path = role / "defaults/main.yml"
        values |= (yaml.safe_load(path.read_text()) or {}) if path.exists() else {}
    assert folders.problems(values, {}) == []
    named = {name for name in values if name.endswith(("_folder", "_folders", "_root"))}
    assert named - set(folders.OWNED) == set(NOT_OWNED)


def test_links_on_the_way_and_mount_points(tmp_path: Path) -> None:
    (tmp_path / "srv/real").mkdir(parents=True)
    (tmp_path / "srv/link").symlink_to("/etc")
    assert "through a symbolic link" in folders.obstacle(tmp_path, "/srv/link", ())
    assert "through a symbolic link" in folders.obstacle(tmp_path, "/srv/link/below", ())
    assert folders.obstacle(tmp_path, "/srv/real/new", ()) == ""
    share = Mount("/srv/real", "//nas/data", "cifs", frozenset())
    assert "is a mount point of //nas/data (cifs), which is no disk" in folders.obstacle(tmp_path, "/srv/real", [share])
    assert folders.obstacle(tmp_path, "/srv/real/new", [share]) == ""


@pytest.mark.parametrize(
    ("fstype", "origin", "options", "good"),
    [
        ("ext4", "/", "rw", True),
        ("xfs", "/", "rw", True),
        ("btrfs", "/@data", "rw,subvol=/@data", True),
        ("btrfs", "/@data/below", "rw,subvol=/@data", False),
        ("ext4", "/etc", "rw", False),
        ("tmpfs", "/", "rw", False),
        ("nfs4", "/", "rw", False),
        ("autofs", "/", "rw", False),
    ],
)
def test_a_disk_of_its_own_may_be_a_folder(tmp_path: Path, fstype: str, origin: str, options: str, good: bool) -> None:
    mount = Mount("/srv/real", "/dev/sdb1", fstype, frozenset(options.split(",")), origin)
    assert (folders.obstacle(tmp_path, "/srv/real", [mount]) == "") is good


def test_a_disk_that_is_not_mounted_is_waited_for(tmp_path: Path) -> None:
    (tmp_path / "etc").mkdir()
    (tmp_path / "etc/fstab").write_text("# /srv/other\nUUID=1 /srv/my\\040disk/ ext4 noauto 0 0\n")
    assert "not mounted now" in folders.obstacle(tmp_path, "/srv/my disk", ())
    assert folders.obstacle(tmp_path, "/srv/other", ()) == ""
