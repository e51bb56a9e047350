# Copyright (c) 2026, The labserver.jupyter authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What only Debian's own kernel shows: AppArmor, tables of nftables, and an initramfs that has to mount the disk."""

from __future__ import annotations

import time

import pytest
from machines import emulator, guest
from machines.places import RUN
from machines.process import ended, sh


def out(command: str, seconds: float = 900) -> str:
    return guest.run(command, timeout=seconds).stdout.strip()


def test_the_host_is_as_debian_makes_it() -> None:
    assert out("uname -r").endswith("-cloud-amd64")
    assert out("cat /sys/module/apparmor/parameters/enabled") == "Y"
    assert out("stat -f -c %T /sys/fs/cgroup") == "cgroup2fs"
    assert "nf_tables" in out("iptables --version")


def test_a_container_is_confined_by_apparmor_and_limited() -> None:
    image = out("docker image ls --format '{{.Repository}}:{{.Tag}}' labserver/notebook/latest")
    options = "--rm --network none --memory 64m --memory-swap 64m --pids-limit 50"
    shown = (
        "cat /proc/self/attr/current /sys/fs/cgroup/memory.max /sys/fs/cgroup/memory.swap.max /sys/fs/cgroup/pids.max"
    )
    said = out(f"docker run {options} --entrypoint sh {image} -c '{shown}'").splitlines()
    assert said == ["docker-default (enforce)", str(64 << 20), "0", "50"]


@pytest.fixture(scope="module")
def quotas_on_the_root() -> None:
    """Do with the guest what the warning of the role accounts says, but for the new initramfs, which waits beside."""
    out("echo quota_v2 >> /etc/initramfs-tools/modules && update-initramfs -u", 1800)
    out("sed -i 's,errors=remount-ro,errors=remount-ro\\,usrquota,' /etc/fstab")
    with (RUN / "initrd.new").open("wb") as file:
        sh(*guest.ssh("cat /boot/initrd.img-*"), stdout=file, timeout=300)
    guest.run("systemctl poweroff", check=False)
    deadline = time.monotonic() + 300
    while not ended("guest") and time.monotonic() < deadline:
        time.sleep(1)
    guest.stop()
    sh("e2fsck", "-p", emulator.DISK, check=False)
    sh("tune2fs", "-O", "quota", emulator.DISK)


def test_with_debians_initramfs_quotas_on_the_root_are_the_end(quotas_on_the_root: None) -> None:
    """So the warning has to name the initramfs first."""
    console = RUN / "console"
    console.write_bytes(b"")
    guest.start(wait=False)
    deadline = time.monotonic() + guest.BOOT_SECONDS
    while b"(initramfs)" not in console.read_bytes():
        assert time.monotonic() < deadline, console.read_bytes()[-3000:].decode(errors="replace")
        time.sleep(1)
    guest.stop()


def test_with_the_new_initramfs_it_boots_and_quotas_hold(quotas_on_the_root: None) -> None:
    (RUN / "initrd.new").replace(emulator.INITRD)
    guest.start()
    guest.wait_until_booted()
    assert "usrquota" in out("findmnt --noheadings --output OPTIONS /")
    out("useradd -m -b /srv quotatest && setquota -u quotatest 1024 1024 0 0 /")
    refused = guest.run("su quotatest -c 'head -c 5M /dev/zero > /srv/quotatest/big'", check=False)
    assert "quota exceeded" in refused.stderr.lower(), refused
