# Copyright (c) 2026, The labserver.jupyter authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Folders that a group shares, and where archives may lie."""

from __future__ import annotations

import os
from typing import Any

import pytest
from ansible_collections.labserver.jupyter.plugins.module_utils._accounts import input as inputs
from ansible_collections.labserver.jupyter.plugins.module_utils._accounts.world import RefusedError
from ansible_collections.labserver.jupyter.plugins.module_utils._common.mounts import Mount
from ansible_collections.labserver.jupyter.tests.unit.plugins.module_utils._accounts.accounts_host import (
    FakeHost,
    acts,
)


@pytest.mark.parametrize(
    ("path", "why"),
    [
        ("/etc", "is a folder of the system"),
        ("/srv", "is a folder of the system"),
        ("/srv/labserver/registry/x", "belongs to the role registry"),
        ("/srv/labserver/accounts/archive/x", "meets accounts_archive_folder"),
        ("/home", "is a folder of the system"),
    ],
)
def test_a_folder_of_others_is_never_shared(path: str, why: str) -> None:
    wanted = {"accounts_groups": [{"name": "leem"}], "accounts_shared_folders": [{"path": path, "group": "leem"}]}
    problems = inputs.problems(wanted)
    assert len(problems) == 1
    assert problems[0].startswith(f'accounts_shared_folders[0]: path "{path}" {why}')


@pytest.mark.parametrize("folder", ["/home", "/etc", "/srv/labserver", "/data"])
def test_archives_do_not_go_where_they_would_lock_people_out(folder: str) -> None:
    (problem,) = inputs.problems({"accounts_archive_folder": folder, "accounts_home_folder": "/data/homes"})
    assert problem.startswith(f'accounts_archive_folder: "{folder}" ')


def test_a_folder_of_somebody_behind_a_link_or_mounted_is_not_shared(host: FakeHost) -> None:
    (host.root / "srv").mkdir(exist_ok=True)
    (host.root / "srv/link").symlink_to("/etc")
    (host.root / "srv/disk").mkdir()
    host.mounts = (Mount("/srv/disk", "//nas/disk", "cifs", frozenset()),)
    before = host.snapshot()
    paths = ["/srv/link", "/srv/link/x", "/srv/disk", "/home/op/x", "/home/op"]
    with pytest.raises(RefusedError) as refused:
        host.run(groups=[{"name": "leem"}], shared_folders=[{"path": path, "group": "leem"} for path in paths])
    reasons = ["symbolic link", "symbolic link", "mount point", "meets the home of op", "meets the home of op"]
    told = [problem.removeprefix("accounts_shared_folders: ") for problem in refused.value.problems]
    assert [path for path, why, text in zip(paths, reasons, told, strict=True) if why in text] == paths, told
    assert host.snapshot() == before


def test_a_disk_of_its_own_is_shared_while_it_is_mounted(host: FakeHost) -> None:
    (host.root / "etc").mkdir(exist_ok=True)
    (host.root / "etc/fstab").write_text("UUID=1 / ext4 defaults 0 1\nUUID=2 /srv/measured ext4 defaults 0 2\n")
    wanted: dict[str, Any] = {
        "groups": [{"name": "leem"}], "shared_folders": [{"path": "/srv/measured", "group": "leem"}],
    }  # fmt: skip
    with pytest.raises(RefusedError) as refused:
        host.run(**wanted)
    assert "/srv/measured is a mount point in /etc/fstab and not mounted now" in str(refused.value.problems)
    assert not (host.root / "srv/measured").exists(), "nothing is made on the disk below it"
    (host.root / "srv/measured").mkdir(parents=True)
    host.mounts = (Mount("/srv/measured", "/dev/sdb1", "ext4", frozenset()),)
    assert ("share folder", "/srv/measured") in acts(host.run(**wanted))
    assert (host.root / "srv/measured").stat().st_mode & 0o7777 == 0o2770


def test_shared_folder(host: FakeHost) -> None:
    wanted: dict[str, Any] = {"groups": [{"name": "leem"}], "shared_folders": [{"path": "/srv/leem", "group": "leem"}]}
    host.run(**wanted)
    folder = host.root / "srv/leem"
    assert folder.stat().st_mode & 0o7777 == 0o2770
    assert host.owners[folder.stat().st_ino] == (-1, 30000)
    assert host.run(**wanted).changed is False
    folder.chmod(0o755)
    assert acts(host.run(**wanted)) == [("share folder", "/srv/leem")]
    before = os.umask(0o077)
    try:
        (folder / "file").write_text("")
        (folder / "sub").mkdir()
        (folder / "sub/file").write_text("")
    finally:
        os.umask(before)
    if "system.posix_acl_default" in os.listxattr(folder):  # the file system of the tests has ACLs
        assert [(folder / name).stat().st_mode & 0o777 for name in ("file", "sub/file")] == [0o660, 0o660]
        assert (folder / "sub").stat().st_mode & 0o777 == 0o770
