# Copyright (c) 2026, The labserver.jupyter authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A lab server with a kernel of its own and a NAS beside it, as ordinary processes of this machine.

    python3 uml.py up      build what is missing, start Samba and the guest, wait until ssh answers
    python3 uml.py down    stop both and remove their network devices
    python3 uml.py ssh CMD run a command in the guest

The guest is Debian's user-mode Linux: a real kernel with cifs, autofs, overlay and cgroups that needs no KVM. Its root
image lives in .cache/shares/root-<hash>.img, named by all that goes into it; every start writes to a copy-on-write file
of its own, so that the image is made once. Guest, NAS and the cables between them are in a network namespace of their
own: whatever addresses this machine uses, the two never meet.
"""

from __future__ import annotations

import contextlib
import hashlib
import os
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

HERE = Path(__file__).resolve().parent
CACHE = HERE.parents[1] / ".cache" / "shares"
RUN = CACHE / "run"
KEY = CACHE / "key"

NETWORK = "lsh-" + hashlib.sha256(str(HERE).encode()).hexdigest()[:6]  # each checkout has machines of its own
INSIDE = ["nsenter", f"--net=/run/netns/{NETWORK}", "--"]  # what is put before a command to run it in that namespace
CONTROL = ("lsh-control", "192.0.2.1", "192.0.2.2")  # device, address of this machine, address of the guest
NAS = ("lsh-nas", "198.51.100.1", "198.51.100.2")
SILENT = "198.51.100.9"  # a server that accepts connections and never says a word

HOST_PACKAGES = [
    "user-mode-linux",
    "samba",
    "smbclient",
    "cifs-utils",
    "nfs-ganesha",
    "nfs-ganesha-vfs",
    "e2fsprogs",
    "mmdebstrap",
    "openssh-client",
    "iproute2",
    "util-linux",
]
GUEST_PACKAGES = [
    "systemd", "systemd-sysv", "udev", "dbus", "python3", "python3-apt",
    "openssh-server", "ca-certificates", "iproute2", "kmod", "procps", "cron",
    "util-linux", "cifs-utils", "keyutils", "docker.io", "iptables", "busybox-static",
    "e2fsprogs", "nfs-common",
]  # fmt: skip
GUEST_PACKAGES += ["xfsprogs", "quota"]  # for people's quotas, tests/test_people.py

# Lines that are nobody's business but the administrator's: they must come out of every run as they went in.
FSTAB = (
    b"# /etc/fstab of the test guest\n/dev/ubda\t/ ext4  defaults,errors=remount-ro 0 1\n\n"
    b"  # an indented comment, with \xfc in latin-1\nproc /proc proc\n"
    b"//198.51.100.1/data   /mnt/data    cifs    credentials=/root/.credentials,noauto,ro   0   0\n"
    b"none /run/scratch\\040pad tmpfs size=1M,noauto 0 0 # trailing words\n"
)

PREPARE = r"""
set -e
cd "$1"
mkdir -p lib/modules
cp -a /usr/lib/uml/modules/* lib/modules/
for m in lib/modules/*; do chroot . depmod "$(basename "$m")"; done
mkdir -p root/.ssh etc/systemd/network
chmod 700 root/.ssh
cp "$KEY.pub" root/.ssh/authorized_keys
cp "$FILES/fstab" etc/fstab
echo labguest > etc/hostname
printf '127.0.0.1 localhost\n127.0.1.1 labguest\n198.51.100.1 nas nas.lab\n198.51.100.9 silent\n' > etc/hosts
network() {
  printf '[Match]\nName=%s\n[Network]\nAddress=%s/24\nLinkLocalAddressing=no\nConfigureWithoutCarrier=yes\n' "$1" "$2" \
    > "etc/systemd/network/$1.network"
}
network vec0 192.0.2.2
network vec1 198.51.100.2
chroot . systemctl -q enable systemd-networkd ssh docker cron
chroot . systemctl -q mask systemd-networkd-wait-online
chroot . systemctl -q mask apt-daily.timer apt-daily-upgrade.timer dpkg-db-backup.timer e2scrub_all.timer
chroot . update-alternatives --set iptables /usr/sbin/iptables-legacy
chroot . update-alternatives --set ip6tables /usr/sbin/ip6tables-legacy
echo 'UseDNS no' >> etc/ssh/sshd_config
chroot . groupadd -g 30001 leem
chroot . groupadd -g 30002 xps
chroot . groupadd -g 30003 guests
chroot . useradd -u 20001 -U -G leem -m jupyter-alice
chroot . useradd -u 20002 -U -G xps -m jupyter-bob
chroot . useradd -u 20003 -U -G guests -m jupyter-dora
: > etc/machine-id
"""


def sh(*command: str | Path, check: bool = True, **options: object) -> subprocess.CompletedProcess[str]:
    words = [str(word) for word in command]
    options = {"text": True, "errors": "surrogateescape", **options}
    return subprocess.run(words, check=check, **options)  # type: ignore[call-overload,no-any-return]


def install_missing() -> None:
    """Install the Debian packages that the scenario needs and this machine lacks."""
    state = sh(
        "dpkg-query", "-W", "-f", "${Package} ${Status}\n", *HOST_PACKAGES, check=False, capture_output=True
    ).stdout
    missing = [name for name in HOST_PACKAGES if f"{name} install ok installed" not in state]
    if missing:
        print("uml: installing", *missing)
        env = {**os.environ, "DEBIAN_FRONTEND": "noninteractive"}
        sh("apt-get", "update", "-qq")
        sh("apt-get", "install", "-y", "-qq", "--no-install-recommends", *missing, env=env, stdout=subprocess.DEVNULL)


def image() -> Path:
    """Return the root image, made anew only when something that goes into it has changed."""
    kernel = sh("dpkg-query", "-W", "user-mode-linux", capture_output=True).stdout
    suite = sh("sh", "-c", ". /etc/os-release; echo $VERSION_CODENAME", capture_output=True).stdout.strip()
    CACHE.mkdir(parents=True, exist_ok=True)
    if not KEY.exists():
        sh("ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-C", "labserver-shares", "-f", KEY)
    parts = [kernel, suite, PREPARE, " ".join(GUEST_PACKAGES), KEY.with_suffix(".pub").read_text()]
    content = hashlib.sha256("\0".join(parts).encode() + FSTAB).hexdigest()[:12]
    result = CACHE / f"root-{content}.img"
    if result.exists():
        return result
    print(f"uml: building {result.name} (once, about two minutes)")
    tree, files = CACHE / "tree", CACHE / "files"
    shutil.rmtree(tree, ignore_errors=True)
    files.mkdir(exist_ok=True)
    (files / "fstab").write_bytes(FSTAB)
    (files / "prepare").write_text(PREPARE)
    env = {**os.environ, "KEY": str(KEY), "FILES": str(files)}
    # setsid: mmdebstrap kills its whole process group when it fails
    sh(
        "setsid", "-w", "mmdebstrap", "--quiet", "--variant=minbase", f"--include={','.join(GUEST_PACKAGES)}",
        "--aptopt=Acquire::Languages \"none\"", "--dpkgopt=path-exclude=/usr/share/man/*",
        "--dpkgopt=path-exclude=/usr/share/locale/*", "--dpkgopt=path-exclude=/usr/share/doc/*",
        f'--customize-hook=sh {files}/prepare "$1"',
        suite, tree, env=env,
    )  # fmt: skip
    part = result.with_suffix(".part")
    sh("truncate", "-s", "6G", part)
    sh("mkfs.ext4", "-q", "-F", "-d", tree, part)
    shutil.rmtree(tree)
    for old in CACHE.glob("root-*.img"):
        old.unlink()
    part.rename(result)
    return result


# --- the NAS: Samba with people of its own, in a mount namespace where /etc/passwd has them ---------------------------

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


def nas_command(*command: str) -> list[str]:
    """Run a command where /etc/passwd and /etc/group name the NAS's people, and nowhere else."""
    script = 'mount --bind "$0/passwd" /etc/passwd; mount --bind "$0/group" /etc/group; exec "$@"'
    return ["unshare", "--mount", "--propagation", "private", "sh", "-ec", script, str(RUN / "nas"), *command]


def nas_prepare() -> None:
    nas = RUN / "nas"
    for folder in ("private", "lock", "state", "cache", "pid", "ncalrpc", "shares", "ganesha"):
        (nas / folder).mkdir(parents=True, exist_ok=True)
    users = "".join(f"{name}:x:{uid}:{uid}::/:/usr/sbin/nologin\n" for name, uid in PEOPLE.items())
    groups = "".join(f"{name}:x:{uid}:\n" for name, uid in PEOPLE.items())
    (nas / "passwd").write_text(Path("/etc/passwd").read_text() + users)
    (nas / "group").write_text(Path("/etc/group").read_text() + groups)
    (nas / "smb.conf").write_text(SMB_CONF.format(address=NAS[1], run=RUN))
    (nas / "ganesha.conf").write_text(GANESHA_CONF.format(address=NAS[1], run=RUN))
    for share in ("data", "analysis", "books", "secret", "full", "project"):
        folder = nas / "shares" / share
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
        nas_password(name, password)


def nas_password(name: str, password: str) -> None:
    """Give a person of the NAS a (new) password."""
    command = nas_command("smbpasswd", "-c", str(RUN / "nas" / "smb.conf"), "-L", "-s", "-a", name)
    sh(*command, input=f"{password}\n{password}\n", stdout=subprocess.DEVNULL)


def nas_start() -> None:
    with (RUN / "nas" / "out").open("ab") as out:
        command = nas_command("smbd", "--foreground", "--no-process-group", "-s", str(RUN / "nas" / "smb.conf"))
        start("smbd", command, out)
    wait_for(lambda: answers(NAS[1], 445), 20, "Samba")


def nas_stop() -> None:
    stop("smbd")


def nas_freeze(frozen: bool) -> None:
    """Let Samba hang, or go on: the kernel still takes connections and data for it, and nobody answers."""
    os.killpg(int((RUN / "smbd.pid").read_text()), signal.SIGSTOP if frozen else signal.SIGCONT)


def nfs_start() -> None:
    nas = RUN / "nas"
    command = ["ganesha.nfsd", "-F", "-f", nas / "ganesha.conf", "-L", nas / "ganesha.log", "-p", nas / "ganesha.pid"]
    with (nas / "out").open("ab") as out:
        start("ganesha", [str(word) for word in command], out)
    wait_for(lambda: answers(NAS[1], 2049), 30, "the NFS server")


def nfs_stop() -> None:
    stop("ganesha")


# --- processes, by the ids that were written down when they were started ----------------------------------------------


def start(name: str, command: list[str], out: object) -> None:
    process = subprocess.Popen(
        [*INSIDE, *command],
        stdin=subprocess.DEVNULL,
        stdout=out,
        stderr=out,
        start_new_session=True,  # type: ignore[call-overload]
    )
    (RUN / f"{name}.pid").write_text(str(process.pid))


def stop(name: str) -> None:
    """End the process group that start(name) made; nothing happens when there is none."""
    file = RUN / f"{name}.pid"
    if not file.exists():
        return
    group = int(file.read_text())
    for number, patience in ((signal.SIGTERM, 3), (signal.SIGKILL, 5)):
        with contextlib.suppress(ProcessLookupError):
            os.killpg(group, number)
        end = time.monotonic() + patience
        while time.monotonic() < end and alive(group):
            with contextlib.suppress(ChildProcessError):
                os.waitpid(group, os.WNOHANG)
            time.sleep(0.05)
        if not alive(group):
            break
    file.unlink()


def alive(group: int) -> bool:
    try:
        os.killpg(group, 0)
    except ProcessLookupError:
        return False
    return True


def answers(address: str, port: int) -> bool:
    return (
        sh(
            *INSIDE, "timeout", "1", "bash", "-c", f"</dev/tcp/{address}/{port}", check=False, stderr=subprocess.DEVNULL
        ).returncode
        == 0
    )


def wait_for(condition: Callable[[], bool], seconds: float, what: str) -> float:
    """Wait until ``condition`` holds; return how long that took in seconds, raise TimeoutError after ``seconds``."""
    begin = time.monotonic()
    while not condition():
        if time.monotonic() - begin > seconds:
            raise TimeoutError(f"{what}: not within {seconds} s")
        time.sleep(0.2)
    return time.monotonic() - begin


# --- the network and the guest ----------------------------------------------------------------------------------------


def network_up() -> None:
    sh("ip", "netns", "add", NETWORK)
    sh(*INSIDE, "ip", "link", "set", "lo", "up")
    for device, address, _guest in (CONTROL, NAS):
        sh(*INSIDE, "ip", "tuntap", "add", "dev", device, "mode", "tap")
        sh(*INSIDE, "ip", "address", "add", f"{address}/24", "dev", device)
        sh(*INSIDE, "ip", "link", "set", device, "up")
    sh(*INSIDE, "ip", "address", "add", f"{SILENT}/24", "dev", NAS[0])


def network_down() -> None:
    sh("ip", "netns", "delete", NETWORK, check=False, stderr=subprocess.DEVNULL)


def cable(plugged: bool) -> None:
    """Plug the NAS's network cable in, or pull it: its answers do not reach the guest any more.

    (The device itself has to stay up: the guest's side of it does not recover from a failed write.)
    """
    done = sh(*INSIDE, "ip", "route", "show", "type", "blackhole", capture_output=True)
    if (NAS[2] in done.stdout) == plugged:
        sh(*INSIDE, "ip", "route", "delete" if plugged else "add", "blackhole", f"{NAS[2]}/32")


def guest_start(wait: bool = True) -> float:
    """Boot the guest from its copy-on-write disk; return the seconds until ssh answered (0 without waiting)."""
    # Kernel and programs of the guest wait for each other at every system call: three times as fast on one processor.
    command = [
        "taskset", "--cpu-list", str(max(os.sched_getaffinity(0))),
        "linux.uml", "mem=1536M", f"ubd0={RUN / 'disk.cow'},{image()}", "root=/dev/ubda", "rw", "quiet",
        f"vec0:transport=tap,ifname={CONTROL[0]}", f"vec1:transport=tap,ifname={NAS[0]}", "con=null", "con0=null,fd:1",
    ]  # fmt: skip
    with (RUN / "console").open("ab") as out:
        start("guest", command, out)
    return wait_for(lambda: guest("true", check=False, timeout=10).returncode == 0, 120, "ssh") if wait else 0.0


def guest_stop() -> None:
    """Pull the guest's plug, as a power cut does."""
    # A shared connection to a machine that is no more would make the next ones wait for it.
    sh(*INSIDE, "ssh", *SSH, "-O", "exit", f"root@{CONTROL[2]}", check=False, capture_output=True)
    stop("guest")


SSH = [
    "-i", str(KEY), "-o", "IdentitiesOnly=yes", "-o", "StrictHostKeyChecking=no", "-o", "UserKnownHostsFile=/dev/null",
    "-o", "LogLevel=ERROR", "-o", "ConnectTimeout=5", "-o", "ServerAliveInterval=5", "-o", "ServerAliveCountMax=4",
    "-o", "ControlMaster=auto", "-o", "ControlPersist=60", "-o", f"ControlPath=/tmp/{NETWORK}-%C",
]  # fmt: skip


def guest(command: str, check: bool = True, timeout: float = 120) -> subprocess.CompletedProcess[str]:
    """Run a shell command as root in the guest and return what it said."""
    try:
        options: dict[str, object] = {"check": False, "capture_output": True, "stdin": subprocess.DEVNULL}
        done = sh(*INSIDE, "ssh", *SSH, f"root@{CONTROL[2]}", command, timeout=timeout, **options)
    except subprocess.TimeoutExpired:
        if check:
            raise
        return subprocess.CompletedProcess(command, 124, "", "timeout")
    if check and done.returncode:
        raise AssertionError(f"{command!r} in the guest: status {done.returncode}\n{done.stdout}\n{done.stderr}")
    return done


def up() -> None:
    install_missing()
    disk = image()
    down()
    RUN.mkdir(parents=True)
    (RUN / "namespace").write_text(NETWORK)  # for ssh.sh
    network_up()
    nas_prepare()
    nas_start()
    nfs_start()
    print(f"uml: {disk.name}, ssh after {guest_start():.1f} s")


def down() -> None:
    guest_stop()
    nas_stop()
    nfs_stop()
    stop("silent")
    network_down()
    for share in SMALL:
        sh("umount", RUN / "nas" / "shares" / share, check=False, stderr=subprocess.DEVNULL)
    shutil.rmtree(RUN, ignore_errors=True)


def main(arguments: list[str]) -> int:
    match arguments:
        case ["up"]:
            up()
        case ["down"]:
            down()
        case ["ssh", *command]:
            return subprocess.run([*INSIDE, "ssh", *SSH, f"root@{CONTROL[2]}", *command], check=False).returncode
        case _:
            sys.stderr.write(__doc__ or "")
            return 2
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
