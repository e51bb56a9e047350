# Copyright (c) 2026, The labserver.jupyter authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What the role accounts needs a kernel and an engine of its own for: quotas, and the end of what runs for somebody."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from lab_guest.server import LabServer, inventory
from role_run import run_playbook

MIB = 1024**2
PLAY = "- {hosts: all, gather_facts: false, tasks: [{labserver.jupyter.accounts: '{{ people }}'}]}\n"
MAKE = {
    "ext4": ("mkfs.ext4 -q IMAGE && tune2fs -O quota -E mount_opts=usrquota IMAGE", "defaults"),  # as the README says
    "xfs": ("mkfs.xfs -q IMAGE", "usrquota"),
    "ext4 that only counts": ("mkfs.ext4 -q -O quota IMAGE", "defaults"),
}


class People:
    """Runs of the role's module on the guest."""

    def __init__(self, folder: Path) -> None:
        self.playbook = folder / "people.yml"
        self.playbook.write_text(PLAY)

    def __call__(self, users: list[dict[str, Any]], **variables: Any) -> str:
        """Have these people; whom other tests made stays. Returns what ansible-playbook printed."""
        given = {"people": {"users": users, "unlisted": "keep"} | variables}
        status, text = run_playbook(self.playbook, given, inventory=inventory())
        assert status == 0, text
        return text


@pytest.fixture
def people(tmp_path: Path) -> People:
    return People(tmp_path)


def homes(guest: LabServer, kind: str) -> str:
    """Mount a fresh file system for homes; returns its folder."""
    steps, option = MAKE[kind]
    name = kind.replace(" ", "-")
    folder, image = f"/srv/homes-{name}", f"/srv/{name}.img"
    guest.run(f"umount {folder}; rm -f {image}")
    make = steps.replace("IMAGE", image)
    guest.out(f"truncate -s 400M {image} && {make} && mkdir -p {folder} && mount -o loop,{option} {image} {folder}")
    return folder


def write(guest: LabServer, name: str, home: str, mebibytes: int) -> tuple[int, str]:
    """Let somebody write so much into the home; returns how many MiB arrived, and what was complained of."""
    # Right through to the disk, as an allocation that is only promised is counted by nobody yet.
    done = guest.run(
        f"runuser -u jupyter-{name} -- dd if=/dev/zero of={home}/jupyter-{name}/big bs=1M count={mebibytes} oflag=sync"
    )
    size = int(guest.out(f"stat -c %s {home}/jupyter-{name}/big"))
    guest.out(f"rm {home}/jupyter-{name}/big")
    return size // MIB, done.stderr


@pytest.mark.parametrize("kind", ["ext4", "xfs"])
def test_nobody_stores_more_than_the_quota(guest: LabServer, people: People, kind: str) -> None:
    home = homes(guest, kind)
    own, general, free = f"{kind}-own", f"{kind}-general", f"{kind}-free"
    wanted = [{"name": own, "quota": "6M"}, {"name": general}, {"name": free, "quota": 0}]
    told = people(wanted, quota="12M", home_folder=home)
    assert "no quotas" not in told
    rows = [row.split() for row in guest.out(f"repquota --user --no-names {home}").splitlines() if row.startswith("#")]
    hard = {row[0]: int(row[4]) for row in rows}
    assert [hard["#" + guest.out(f"id -u jupyter-{name}")] for name in (own, general, free)] == [6144, 12288, 0]
    for name, limit in ((own, 6), (general, 12)):
        arrived, complaint = write(guest, name, home, 20)
        assert limit - 2 <= arrived < limit + 1
        assert "Disk quota exceeded" in complaint
    assert write(guest, free, home, 20)[0] == 20
    assert "changed=0" in people(wanted, quota="12M", home_folder=home)
    people([{"name": own, "quota": 0}, {"name": general}, {"name": free}], quota="12M", home_folder=home)
    assert write(guest, own, home, 20)[0] == 20
    assert "Disk quota exceeded" in write(guest, free, home, 20)[1]
    guest.out(f"umount {home}")


@pytest.mark.parametrize(
    ("kind", "reason"),
    [
        ("", "counts nobody's files"),
        ("ext4 that only counts", "counts files but limits nobody; tune2fs -E mount_opts=usrquota /dev/"),
    ],
)
def test_where_no_quota_holds_it_is_said_and_all_else_done(
    guest: LabServer, people: People, kind: str, reason: str
) -> None:
    home = homes(guest, kind) if kind else "/home"
    told = people([{"name": "quincy", "quota": "1M"}], home_folder=home)
    assert "no quotas: " in told
    assert reason in told
    assert guest.out("getent passwd jupyter-quincy")


def test_who_leaves_loses_the_server_and_nobody_else_anything(guest: LabServer, people: People) -> None:
    """No hub runs here that could stop the server itself."""
    people([{"name": "stella"}])
    uid = guest.out("id -u jupyter-stella")

    def start(name: str, *labels: str) -> None:
        given = " ".join(f"--label org.labserver.{label}" for label in labels)
        guest.out(
            f"docker run -d --network none --name {name} --user {uid} --stop-signal KILL {given} box sleep 100000"
        )

    start("server-of-stella", "user=stella", "room=hub-server")
    start("server-of-tom", "user=tom", "room=hub-server")
    start("app-of-stella", "user=stella")
    start("database-with-her-number")
    names = "server-of-stella server-of-tom app-of-stella database-with-her-number"
    guest.out("setsid runuser -u jupyter-stella -- sleep 100000 >/dev/null 2>&1 & sleep 1")
    outside = f"for p in $(pgrep -u {uid}); do grep -q docker /proc/$p/cgroup || echo $p; done"
    try:
        assert guest.out(outside)
        told = people([{"name": "stella", "state": "absent"}])
        assert "changed=0" not in told
        state = guest.out(f"docker inspect --format '{{{{.State.Running}}}}' {names}").split()
        assert state == ["false", "true", "true", "true"]
        assert guest.out(outside) == ""
    finally:
        guest.run(f"docker rm -f {names}")
