# Copyright (c) 2026, The labserver.jupyter authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The shares on a real kernel against a real Samba server, in the order of a bad day in the lab."""

from __future__ import annotations

import base64
import copy
import json
import time
from typing import Any

import pytest
from lab_guest.hub import Hub
from lab_guest.server import ROOT, LabServer
from machines import guest as machine
from machines import nas
from machines.places import RUN, SILENT
from machines.process import start_process, stop_process, wait_for
from machines.recipes import SHARES

SEEN = {
    "alice": ["analysis", "books", "data", "project", "scratch", "secret"],
    "bob": ["books", "data", "project"],
    "dora": ["books"],
}


KERBEROS = {"sec": "krb5", "multiuser": True}


def files(share: str) -> str:
    return f"{ROOT}/{share}/files"


# --- mounted as asked -------------------------------------------------------------------------------------------------


def test_every_share_shows_the_files_of_its_server(guest: LabServer) -> None:
    shown = {"/mnt/data": "data", "/mnt/lab books": "books", "/mnt/secret": "secret", "/mnt/project": "project"}
    for path, share in shown.items():
        assert guest.out(f"cat '{path}/hello.txt'") == f"hello from {share}"
    assert guest.sources() == {
        files("data"): "//nas/data",
        files("analysis"): "//nas.lab/analysis",
        files("books"): "//nas/lab books#1",
        files("secret"): "//nas/secret",
    }


def test_the_kernel_uses_the_options_that_were_asked_for(guest: LabServer) -> None:
    rows = {row.split()[1]: row.split()[3].split(",") for row in guest.out("grep cifs /proc/self/mounts").splitlines()}
    assert rows[files("data")][0] == "ro" and "username=labreader" in rows[files("data")]
    for option in ("rw", "vers=3.1.1", "gid=30001", "file_mode=0660", "dir_mode=0770", "nosuid", "nodev", "mfsymlinks"):
        assert option in rows[files("analysis")]
    assert "seal" in rows[files("secret")] and "seal" not in rows[files("analysis")]


def test_foreign_lines_of_fstab_are_as_they_were(guest: LabServer) -> None:
    now = base64.b64decode(guest.out("base64 -w0 /etc/fstab")).splitlines(keepends=True)
    before = SHARES.fstab.splitlines(keepends=True)
    adopted = next(line for line in before if b" /mnt/data " in line)
    assert [line for line in now if f" {ROOT}".encode() not in line] == [line for line in before if line != adopted]
    assert guest.run("findmnt --verify").stdout.count("[E]") == 0


def test_people_on_the_host_have_exactly_their_rights(guest: LabServer) -> None:
    assert guest.person("alice", "cat /mnt/data/hello.txt").stdout == "hello from data\n"
    assert "Read-only" in guest.person("alice", "touch /mnt/data/x").stderr
    assert guest.person("alice", "echo a > /mnt/analysis/alice && cat /mnt/analysis/alice").stdout == "a\n"
    assert "Permission denied" in guest.person("bob", "ls /mnt/analysis").stderr
    assert "Permission denied" in guest.person("bob", f"ls {ROOT}/analysis").stderr
    assert guest.person("bob", 'echo b > "/mnt/lab books/bob" && cat "/mnt/lab books/bob"').stdout == "b\n"
    assert "Permission denied" in guest.person("alice", 'touch "/mnt/lab books/bob"').stderr
    assert guest.person("alice", "echo s > /mnt/scratch/s && stat -c %G /mnt/scratch/s").stdout == "leem\n"
    assert "Permission denied" in guest.person("bob", "ls /mnt/scratch").stderr


WORK = """
set -e
cd {folder}; rm -rf lab; mkdir lab; cd lab
git="git -c safe.directory=* -c user.name=a -c user.email=a@lab"
$git init -q .
echo one > file
$git add file
$git commit -q -m first
$git status --short
python3 -m venv --without-pip env
env/bin/python -c "print(6 * 7)"
printf "#!/bin/sh\\necho ran\\n" > script
chmod 755 script
./script
cp -a file copy
touch -d 2020-01-02 copy
date -r copy +%F
printf "import sqlite3\\nc = sqlite3.connect('db')\\nc.execute('create table t(x)')\\nc.commit()\\n" > store.py
python3 store.py
echo stored
"""


def test_people_work_in_a_share_for_work(guest: LabServer) -> None:
    """git, a virtual environment, a script, cp -a, touch -d and SQLite; not in a share for data."""
    guest.out("cat > /tmp/work.sh <<'EOF'\n" + WORK.format(folder="$1") + "EOF\nchmod 644 /tmp/work.sh; true")
    done = guest.person("alice", "sh /tmp/work.sh /mnt/secret")
    assert done.stdout.split() == ["42", "ran", "2020-01-02", "stored"], done.stdout + done.stderr
    assert guest.person("alice", "sh /tmp/work.sh /mnt/analysis").returncode != 0
    guest.person("alice", "rm -rf /mnt/secret/lab /mnt/analysis/lab")
    assert "Permission denied" in guest.person("bob", "ls /mnt/secret").stderr


def test_rights_on_nfs_are_those_of_its_files(guest: LabServer) -> None:
    rows = [line.split() for line in guest.out("grep nas:/project /proc/self/mounts").splitlines()]
    assert [(row[1], row[2]) for row in rows] == [(files("project"), "nfs4")]
    assert {"rw", "vers=4.2", "soft", "nosuid", "nodev"} <= set(rows[0][3].split(","))
    assert guest.person("alice", "echo a > /mnt/project/alice && cat /mnt/project/alice").stdout == "a\n"
    assert (nas.SHARES / "project/alice").stat().st_uid == 20001
    assert guest.person("bob", "cat /mnt/project/alice").stdout == "a\n"
    assert "Permission denied" in guest.person("bob", "echo b > /mnt/project/alice").stderr
    assert "Permission denied" in guest.person("dora", "ls /mnt/project").stderr


def test_passwords_are_in_their_files_and_nowhere_else(guest: LabServer, settings: dict[str, Any]) -> None:
    for name, account in settings["shares_credentials"].items():
        path = f"/etc/labserver/shares/credentials/{name}"
        assert guest.out(f"stat -c '%a %U %G' {path}") == "600 root root"
        assert f"password={account['password']}\n" in guest.run(f"cat {path}").stdout
        needle = base64.b64encode(account["password"].encode()).decode()
        found = guest.run(
            f"echo {needle} | base64 -d > /run/needle; journalctl -b | grep -cFf /run/needle; cat /proc/self/mounts"
            " /etc/fstab /etc/labserver/public/* /var/lib/labserver/shares/* | grep -cFf /run/needle; rm /run/needle"
        )
        assert found.stdout.split() == ["0", "0"]


def test_health_is_written_down(guest: LabServer) -> None:
    done = guest.run("labserver share-health")
    assert done.returncode == 0, done.stdout
    status = json.loads(guest.out("cat /etc/labserver/public/shares-status.json"))
    assert {share["state"] for share in status["shares"].values()} == {"ok"} and len(status["shares"]) == 6
    for share in status["shares"].values():
        assert share["mounted"] and 0 <= share["answer_seconds"] < 20 and 0 < share["free_percent"] <= 100


# --- in notebooks -----------------------------------------------------------------------------------------------------


def test_the_hub_gives_people_of_two_groups_what_they_may_have(guest: LabServer, hub: Hub) -> None:
    for name in ("alice", "bob"):
        assert hub.spawn(name) == ""
        assert guest.notebook(name, f"ls {ROOT}").stdout.split() == SEEN[name]
    writes = "for share in analysis project scratch; do echo n > /mnt/$share/n && cat /mnt/$share/n; done"
    assert guest.notebook("alice", writes).stdout == "n\n" * 3
    assert (nas.SHARES / "analysis/n").read_text() == "n\n"
    assert (nas.SHARES / "project/n").stat().st_uid == 20001
    assert guest.out("stat -c %u:%G /srv/scratch/n") == "20001:leem"
    assert guest.notebook("bob", 'echo n > "/mnt/lab books/n"; ls /mnt').stdout == "data\nlab books\nproject\n"
    for name, path in (("alice", "/mnt/lab books/n"), ("bob", "/mnt/project/n")):
        done = guest.notebook(name, f'cat "{path}"; echo x > "{path}"')
        assert done.stdout == "n\n" and "denied" in done.stderr, "read-only for others"
    assert "Read-only" in guest.notebook("bob", "echo x > /mnt/data/n").stderr


# --- the NAS goes away and comes back ---------------------------------------------------------------------------------


def test_the_nas_stops_while_mounted_and_comes_back(guest: LabServer, hub: Hub) -> None:
    """Samba and the NFS server at once. What every server's start does then is said by ``when_absent``."""
    hub.stop("bob")
    guest.nas_stop()
    nas.nfs_stop()
    try:
        begin = time.monotonic()
        look = f"for share in analysis project; do cat {ROOT}/$share/files/n & done 2>/dev/null; wait"
        done = guest.notebook("alice", look)
        assert (done.stdout, done.returncode) == ("", 0)  # all have ended, and none has read anything
        assert time.monotonic() - begin < 90
        health = guest.run("labserver share-health", timeout=100)
        assert health.returncode == 2 and "scratch: ok" in health.stdout
        assert "analysis: critical" in health.stdout and "project: critical" in health.stdout
        said = hub.spawn("bob")
        assert "The shared folder data, project is not available at the moment" in said, "but start without books"
        assert hub.spawn("dora") == "", "without"
        assert guest.notebook("dora", f"ls {ROOT}").returncode != 0
    finally:  # the tests that follow have a NAS
        nas.start()
        nas.nfs_start()
    for share in ("analysis", "project"):
        wait_for(
            lambda share=share: guest.notebook("alice", f"cat {files(share)}/n").stdout == "n\n", 60, "alice's file"
        )
    wait_for(lambda: guest.run("labserver share-health").returncode == 0, 60, "health")
    assert hub.spawn("bob") == ""


def test_a_share_that_is_not_mounted_cannot_be_written_to_and_reappears(guest: LabServer, hub: Hub) -> None:
    unit = guest.out(f"systemd-escape --path {files('analysis')}")
    guest.run(f"systemctl stop {unit}.automount {unit}.mount")
    assert files("analysis") not in guest.sources()
    point = files("analysis")
    # (busybox's and the host's touch and mkdir; true when one of them could write)
    write = f"touch {point}/ghost || mkdir {point}/ghost || touch {ROOT}/analysis/ghost"
    assert guest.run(write).returncode != 0, "root on the host"
    assert guest.notebook("alice", write, root=True).returncode != 0, "root in the container"
    assert guest.notebook("alice", write).returncode != 0
    seen = guest.notebook("alice", f"ls {point}")
    assert "denied" in seen.stderr, "it must not look like an empty folder"
    hub.stop("alice")
    status, said = hub.begin("alice")  # when_absent: wait
    assert status == 202, said
    assert guest.run("docker inspect jupyter-alice").returncode != 0, "her server waits for the share"
    guest.out(f"systemctl start {unit}.automount")
    assert hub.outcome("alice") == ""
    assert guest.notebook("alice", f"cat {files('analysis')}/n").stdout == "n\n"


def test_impatience_does_not_break_the_automount(guest: LabServer) -> None:
    """systemd drops an automount for good after five failures in ten seconds, unless it is told not to."""
    unit = guest.out(f"systemd-escape --path {files('books')}")
    guest.run(f"systemctl stop {unit}.mount")
    guest.nas_stop()
    try:
        failures = guest.out(
            f"for i in $(seq 12); do timeout 20 ls {files('books')} >/dev/null 2>&1 || echo failed; done", timeout=300
        )
        assert failures.split() == ["failed"] * 12
        assert guest.out(f"systemctl is-active {unit}.automount") == "active"
    finally:
        nas.start()
    wait_for(lambda: guest.notebook("bob", f"cat {files('books')}/n").stdout == "n\n", 30, "bob's file")


# --- the role on a bad day --------------------------------------------------------------------------------------------


def test_password_rotation(guest: LabServer, settings: dict[str, Any]) -> None:
    accounts = copy.deepcopy(settings["shares_credentials"])
    accounts["writer"]["password"] = "new #2, \\"
    try:
        said = guest.role(shares_credentials=accounts)  # before the NAS knows it
        assert "the server refused the user name or password" in said and "share data" not in said
        nas.set_password("labwriter", accounts["writer"]["password"])
        there = guest.notebook("alice", f"cat {files('analysis')}/n")
        assert there.stdout == "n\n", "the same container, a new password"
    finally:
        nas.set_password("labwriter", settings["shares_credentials"]["writer"]["password"])
        said = guest.role()
    assert "changed=1" in said and "refused" not in said
    assert guest.notebook("alice", f"cat {files('analysis')}/n").stdout == "n\n"


@pytest.fixture
def odd_shares(guest: LabServer, settings: dict[str, Any]) -> list[dict[str, Any]]:
    common = {"credentials": "writer", "access": {"leem": "rw"}}
    return [
        *settings["shares_list"],
        {"name": "nosuch", "source": "//nas/nosuch", **common},
        {"name": "silent", "source": "//silent/data", **common, "options": {"x-systemd.mount-timeout": "5s"}},
        {"name": "full", "source": "//nas/full", **common, "sentinel": "hello.txt", "min_free_percent": 20},
        {"name": "kerberos", "source": "//nas/data", **common, "credentials": None, "options": KERBEROS},
        {"name": "lost", "source": "//nas/data", **common, "sentinel": "was/here.txt"},
    ]


def test_missing_full_and_silent_servers(guest: LabServer, odd_shares: list[dict[str, Any]]) -> None:
    listener = f"import socket, time; s = socket.create_server(('{SILENT}', 445)); time.sleep(600)"
    with (RUN / "silent.out").open("ab") as out:
        start_process("silent", ["python3", "-c", listener], out)
    try:
        begin = time.monotonic()
        said = guest.role(shares_list=odd_shares, shares_timeout_seconds=15)
        assert time.monotonic() - begin < 90
        assert "share nosuch: not mounted: the server has no such share" in said and "share silent:" in said
        assert "share kerberos: not mounted: there is no Kerberos ticket or key for it" in said
        assert "changed=0" in guest.role(shares_list=odd_shares, shares_timeout_seconds=15), (
            "nothing is changed, only away"
        )
        guest.person("alice", "head -c 900000 /dev/zero > /mnt/full/big")
        assert "No space" in guest.person("alice", "head -c 900000 /dev/zero > /mnt/full/big2").stderr
        begin = time.monotonic()
        health = guest.run("labserver share-health").stdout
        assert time.monotonic() - begin < 60
        assert "full: warning: only" in health and "nosuch: critical" in health and "silent: critical" in health
        assert "data: ok" in health and "lost: critical: the sentinel was/here.txt cannot be read: No such" in health
        status = json.loads(guest.out("cat /etc/labserver/public/shares-status.json"))["shares"]
        assert status["full"]["mounted"] and status["full"]["free_percent"] < 20
        assert not status["silent"]["mounted"] and status["silent"]["answer_seconds"] is None
    finally:
        stop_process("silent")


def test_a_run_while_samba_hangs_ends_in_time(guest: LabServer, settings: dict[str, Any]) -> None:
    """findmnt, systemd's reader of fstab and umount all wait for a server that is connected and says nothing.

    The run takes the odd shares of the test before away, and makes a new one.
    """
    late = {"name": "late", "type": "local", "source": "/srv/late", "access": {"leem": "rw"}}
    assert files("analysis") in guest.sources()
    nas.freeze(True)
    try:
        begin = time.monotonic()
        said = guest.role(shares_list=[*settings["shares_list"], late], shares_timeout_seconds=15)
        print(f"a run that changes fstab while Samba hangs: {time.monotonic() - begin:.0f} s")
        assert f"{files('analysis')} did not answer within 10 s and was detached" in said
        assert "share analysis: " in said and guest.person("alice", "touch /mnt/late/x").returncode == 0
        assert "nosuch" not in guest.out("cat /etc/fstab /proc/self/mounts")
        assert guest.run(f"ls -d {ROOT}/silent").returncode != 0
    finally:
        nas.freeze(False)
    wait_for(lambda: guest.notebook("alice", f"cat {files('analysis')}/n").stdout == "n\n", 60, "alice's file")


def test_another_source_and_another_root(guest: LabServer, settings: dict[str, Any]) -> None:
    shares = copy.deepcopy(settings["shares_list"])
    shares[0]["source"] = "//nas/full"
    guest.role(shares_list=shares, shares_root="/srv/elsewhere")
    assert guest.sources()["/srv/elsewhere/data/files"] == "//nas/full"
    assert guest.person("bob", "cat /mnt/data/hello.txt").stdout == "hello from full\n"
    assert ROOT not in guest.out("cat /etc/fstab /proc/self/mounts") and guest.out(f"ls {ROOT}") == ""
    assert guest.person("alice", "cat /mnt/analysis/n").stdout == "n\n"
    guest.role()
    assert guest.sources()[files("data")] == "//nas/data" and "elsewhere" not in guest.out("cat /etc/fstab")
    assert guest.run("systemctl list-units --all | grep elsewhere").stdout == ""
    guest.start_notebook("bob", SEEN["bob"])
    assert guest.notebook("bob", f"cat {files('data')}/hello.txt").stdout == "hello from data\n"


# --- power cut (last: the guest is another one afterwards) ------------------------------------------------------------


def test_boot_without_the_nas_and_notebooks_that_start_before_it(guest: LabServer) -> None:
    guest.out("systemctl disable --quiet docker containerd; sync")  # an engine alone takes this kernel 15 s to start
    machine.stop()
    nas.stop()
    nas.nfs_stop()
    machine.start()
    guest.out("systemctl is-system-running --wait || true")
    assert guest.out("systemctl is-active multi-user.target") == "active"
    seconds = float(guest.out("systemctl show -P ActiveEnterTimestampMonotonic multi-user.target")) / 1e6
    print(f"multi-user.target without the NAS after {seconds:.1f} s")
    assert seconds < 30
    # The check of the shares may have tried them already: these units may have failed, and no others.
    failed = [
        line for line in guest.out("systemctl --failed --no-legend --plain").splitlines() if "srv-labserver" not in line
    ]
    assert failed == [] and guest.sources() == {}
    guest.out("systemctl start docker", timeout=180)
    guest.start_notebook("alice", SEEN["alice"])
    assert guest.notebook("alice", f"touch {files('analysis')}/ghost").returncode != 0
    nas.start()
    nas.nfs_start()
    for share in ("analysis", "project"):
        wait_for(
            lambda share=share: guest.notebook("alice", f"cat {files(share)}/n").stdout == "n\n", 30, "alice's file"
        )
    assert not (nas.SHARES / "analysis/ghost").exists()
    assert guest.run("labserver share-health").returncode == 0
