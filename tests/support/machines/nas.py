# Copyright (c) 2026, The labserver.jupyter authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The NAS: Samba with people of its own, in a mount namespace where /etc/passwd has them, and an NFS server."""

from __future__ import annotations

import os
import signal
import subprocess
from pathlib import Path

from . import network
from .places import NAS, RUN
from .process import sh, start_process, stop_process, wait_for

FOLDER = RUN / "nas"
SHARES = FOLDER / "shares"  # the folders that the NAS serves

PEOPLE = {"labreader": 64211, "labwriter": 64212, "labumlaut": 64213}
PASSWORDS = {
    "labreader": "Reader-1",
    "labwriter": ", a#b 'c' \"d\" =%x\\",  # ends with a backslash
    "labumlaut": "\u00e4\u20ac",
}
SMALL = {"full": "1M", "project": "8M"}  # shares that are file systems of their own, of this size
SMB_CONF = """
[global]
  server role = standalone server
  interfaces = {address}
  bind interfaces only = yes
  smb ports = 445
  disable netbios = yes
  load printers = no
  disable spoolss = yes
  private dir = {run}/nas/private
  lock directory = {run}/nas/lock
  state directory = {run}/nas/state
  cache directory = {run}/nas/cache
  pid directory = {run}/nas/pid
  ncalrpc dir = {run}/nas/ncalrpc
  log file = {run}/nas/log
  passdb backend = tdbsam
  server min protocol = SMB3
  map to guest = never
  unix extensions = no
[data]
  path = {run}/nas/shares/data
  read only = no
[analysis]
  path = {run}/nas/shares/analysis
  read only = no
[lab books#1]
  path = {run}/nas/shares/books
  read only = no
[secret]
  path = {run}/nas/shares/secret
  read only = no
  smb encrypt = required
[full]
  path = {run}/nas/shares/full
  read only = no
"""


# The NFS server. Its folder is a small tmpfs of its own, which has what the server needs on every machine.
GANESHA_CONF = """
NFS_CORE_PARAM {{ Protocols = 4; Bind_addr = {address}; NFS_Port = 2049; Enable_NLM = false; Enable_RQUOTA = false; }}
NFS_KRB5 {{ Active_krb5 = false; }}
NFSv4 {{
  Graceless = true; Minor_Versions = 1, 2; Delegations = false; RecoveryBackend = fs; RecoveryRoot = {run}/nas/ganesha;
}}
EXPORT {{
  Export_Id = 1; Path = {run}/nas/shares/project; Pseudo = /project; Protocols = 4; Transports = TCP;
  Access_Type = RW; Squash = Root_Squash; SecType = sys; FSAL {{ Name = VFS; }}
}}
"""


def _command(*command: str) -> list[str]:
    """Return the command that runs another where /etc/passwd and /etc/group name the NAS's people, and nowhere else."""
    script = 'mount --bind "$0/passwd" /etc/passwd; mount --bind "$0/group" /etc/group; exec "$@"'
    return ["unshare", "--mount", "--propagation", "private", "sh", "-ec", script, str(RUN / "nas"), *command]


def up() -> None:
    """Start both servers with fresh folders."""
    prepare()
    start()
    nfs_start()


def down() -> None:
    """Stop what runs on the NAS's side, and give its folders' file systems back."""
    stop()
    nfs_stop()
    stop_process("silent")
    for share in SMALL:
        sh("umount", SHARES / share, check=False, stderr=subprocess.DEVNULL)


def prepare() -> None:
    """Make folders, people, passwords and settings of both servers."""
    for name in ("private", "lock", "state", "cache", "pid", "ncalrpc", "shares", "ganesha"):
        (FOLDER / name).mkdir(parents=True, exist_ok=True)
    users = "".join(f"{name}:x:{uid}:{uid}::/:/usr/sbin/nologin\n" for name, uid in PEOPLE.items())
    groups = "".join(f"{name}:x:{uid}:\n" for name, uid in PEOPLE.items())
    (FOLDER / "passwd").write_text(Path("/etc/passwd").read_text() + users)
    (FOLDER / "group").write_text(Path("/etc/group").read_text() + groups)
    (FOLDER / "smb.conf").write_text(SMB_CONF.format(address=NAS[1], run=RUN))
    (FOLDER / "ganesha.conf").write_text(GANESHA_CONF.format(address=NAS[1], run=RUN))
    for share in ("data", "analysis", "books", "secret", "full", "project"):
        folder = SHARES / share
        folder.mkdir(exist_ok=True)
        if share in SMALL:
            sh("mount", "-t", "tmpfs", "-o", f"size={SMALL[share]}", f"labserver-shares-{share}", folder)
        folder.chmod(0o777)
        if share == "project":  # on NFS rights are those of the files: leem writes, others read
            os.chown(folder, 0, 30001)
            folder.chmod(0o2775)
        (folder / ".sentinel").write_text(f"{share}\n")
        (folder / "hello.txt").write_text(f"hello from {share}\n")
        (folder / "hello.txt").chmod(0o666)
    for name, password in PASSWORDS.items():
        set_password(name, password)


def set_password(name: str, password: str) -> None:
    """Give a person of the NAS a (new) password."""
    command = _command("smbpasswd", "-c", str(FOLDER / "smb.conf"), "-L", "-s", "-a", name)
    sh(*command, input=f"{password}\n{password}\n", stdout=subprocess.DEVNULL)


def start() -> None:
    """Start Samba and wait until it answers."""
    with (FOLDER / "out").open("ab") as out:
        command = _command("smbd", "--foreground", "--no-process-group", "-s", str(FOLDER / "smb.conf"))
        start_process("smbd", command, out)
    wait_for(lambda: network.answers(NAS[1], 445), 20, "Samba")


def stop() -> None:
    """Stop Samba; nothing happens when it does not run."""
    stop_process("smbd")


def freeze(frozen: bool) -> None:
    """Let Samba hang, or go on: the kernel still takes connections and data for it, and nobody answers."""
    os.killpg(int((RUN / "smbd.pid").read_text()), signal.SIGSTOP if frozen else signal.SIGCONT)


def nfs_start() -> None:
    """Start the NFS server and wait until it answers."""
    command = ["ganesha.nfsd", "-F", "-f", FOLDER / "ganesha.conf"]
    command += ["-L", FOLDER / "ganesha.log", "-p", FOLDER / "ganesha.pid"]
    with (FOLDER / "out").open("ab") as out:
        start_process("ganesha", [str(word) for word in command], out)
    wait_for(lambda: network.answers(NAS[1], 2049), 30, "the NFS server")


def nfs_stop() -> None:
    """Stop the NFS server; nothing happens when it does not run."""
    stop_process("ganesha")
