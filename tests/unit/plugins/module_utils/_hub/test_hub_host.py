# Copyright (c) 2026, The labserver.jupyter authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What the hub's containers have to know about the host."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from ansible_collections.labserver.jupyter.plugins.module_utils._hub.host import (
    firewall_mark,
    limits_layers,
    shared_root,
    shares_root,
    time_zone,
)


def test_propagation_is_read_from_the_root_mount() -> None:
    shared = "22 1 254:1 / / rw,relatime shared:1 - ext4 /dev/vda1 rw\n23 22 0:20 / /proc rw - proc proc rw\n"
    private = (
        "22 1 0:30 / / rw,relatime master:5 - overlay overlay rw\n23 22 0:20 / /sys rw shared:3 - sysfs sysfs rw\n"
    )
    assert shared_root(shared)
    assert not shared_root(private)
    assert not shared_root("")


@pytest.mark.parametrize(
    ("content", "zone"),
    [
        (b"TZif2\0\0table\nof zones\nCET-1CEST,M3.5.0,M10.5.0/3\n", "CET-1CEST,M3.5.0,M10.5.0/3"),
        (b"TZif2\0\0table\n<+03>-3\n", "<+03>-3"),
        (b"TZif2\0\0table\n\n", "UTC0"),
        (b"TZif\0\0an old table", "UTC0"),
        (b"Europe/Berlin\n", "UTC0"),
        (b"", "UTC0"),
        (None, "UTC0"),
    ],
)
def test_the_time_zone_is_read_for_containers(tmp_path: Path, content: bytes | None, zone: str) -> None:
    if content is not None:
        (tmp_path / "localtime").write_bytes(content)
    assert time_zone(tmp_path / "localtime") == zone


def test_the_guard_looks_where_the_shares_are() -> None:
    document = {"version": 1, "shares": {"data": {"bind": "/data/shares/data"}, "x": {"bind": "/data/shares/x"}}}
    assert shares_root(json.dumps(document).encode()) == "/data/shares"
    for nothing in (None, b'{"version": 1, "shares": {}}'):
        assert shares_root(nothing) == "/srv/labserver/shares"


def test_dockers_backend_for_nftables_needs_a_mark() -> None:
    assert firewall_mark({"FirewallBackend": {"Driver": "nftables"}}) == "0x4c000000/0xff000000"
    for other in ({}, {"FirewallBackend": None}, {"FirewallBackend": {"Driver": "iptables+firewalld"}}):
        assert firewall_mark(other) == ""


@pytest.mark.parametrize(
    "content", [b"", b"half", b"[]", b"{}", b'{"version": 2, "shares": {}}', b'{"version": 1, "shares": {"x": {}}}']
)
def test_shares_that_cannot_be_read_are_not_taken_for_none(content: bytes) -> None:
    with pytest.raises(ValueError, match=r"shares\.json"):
        shares_root(content)


XFS = [["Backing Filesystem", "xfs"], ["Supports d_type", "true"]]
ROOT = "22 1 254:1 / / rw,relatime shared:1 - ext4 /dev/vda1 rw\n"
DOCKER = "40 22 254:2 / /var/lib/docker rw shared:9 - xfs /dev/vdb rw,attr2,inode64"


@pytest.mark.parametrize(
    ("driver", "status", "folder", "mountinfo", "can"),
    [
        ("overlay2", XFS, "/var/lib/docker", f"{ROOT}{DOCKER},prjquota\n", True),
        ("overlay2", XFS, "/var/lib/docker", f"{ROOT}{DOCKER},noquota\n", False),
        ("overlay2", XFS, "/srv/docker", f"{ROOT}{DOCKER},prjquota\n", False),
        ("overlay2", XFS, "/srv/docker", ROOT.replace("ext4", "xfs").replace(" rw\n", " rw,prjquota\n"), True),
        ("overlay2", [["Backing Filesystem", "extfs"]], "/var/lib/docker", ROOT, False),
        ("overlayfs", [["driver-type", "io.containerd.snapshotter.v1"]], "/var/lib/docker", ROOT, False),
        ("zfs", [], "/var/lib/docker", ROOT, True),
        ("btrfs", [], "/var/lib/docker", ROOT, True),
        ("vfs", [], "/var/lib/docker", ROOT, False),
    ],
)
def test_layers_are_limited_where_the_storage_driver_can(
    driver: str, status: list[list[str]], folder: str, mountinfo: str, can: bool
) -> None:
    info = {"Driver": driver, "DriverStatus": status, "DockerRootDir": folder}
    assert limits_layers(info, mountinfo) is can
    assert not limits_layers({}, mountinfo), "no engine yet"
