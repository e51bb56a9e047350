# Copyright (c) 2026, The labserver.jupyter authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What is mounted where, read from mountinfo."""

from __future__ import annotations

import pytest
from ansible_collections.labserver.jupyter.plugins.module_utils._common import mounts

MOUNTS = """\
22 28 0:20 / /proc rw,nosuid shared:12 - proc proc rw
28 1 254:1 / / rw,relatime shared:1 - ext4 /dev/vda1 rw,errors=remount-ro
35 28 254:2 / /home rw,relatime shared:2 - ext4 /dev/vda2 rw,usrquota
36 28 254:3 / /srv/my\\040data rw shared:3 - xfs /dev/vda3 rw
37 35 254:4 / /home rw,relatime shared:4 - xfs /dev/vda4 rw,usrquota
"""


def test_mountinfo_with_blanks_and_stacks() -> None:
    text = (
        "22 1 98:0 / / rw,relatime shared:1 - ext4 /dev/root rw\n"
        "30 22 0:34 / /srv/lab\\040x rw shared:81 - autofs systemd-1 rw,fd=40\n"
        "31 30 0:38 / /srv/lab\\040x ro,nosuid shared:117 master:3 - cifs //nas/a\\040b#c rw,vers=3.1.1\n"
        "32 22 98:0 /srv/scratch /s rw - ext4 /dev/root rw\nbroken\n"
    )
    assert [(m.target, m.source, m.fstype, m.read_only, m.origin) for m in mounts.parse(text)] == [
        ("/", "/dev/root", "ext4", False, "/"),
        ("/srv/lab x", "systemd-1", "autofs", False, "/"),
        ("/srv/lab x", "//nas/a b#c", "cifs", True, "/"),
        ("/s", "/dev/root", "ext4", False, "/srv/scratch"),
    ]


@pytest.mark.parametrize(
    ("folder", "device"),
    [("/home", "/dev/vda4"), ("/home/x", "/dev/vda4"), ("/homes", "/dev/vda1"), ("/srv/my data", "/dev/vda3")],
)
def test_the_file_system_of_a_folder(folder: str, device: str) -> None:
    mount = mounts.holding(folder, mounts.parse(MOUNTS))
    assert mount is not None
    assert mount.source == device


def test_what_is_mounted_below_a_folder() -> None:
    found = mounts.below("/srv", mounts.parse(MOUNTS))
    assert "/srv/my data" in [mount.target for mount in found]
    assert mounts.below("/hom", mounts.parse(MOUNTS)) == ()
