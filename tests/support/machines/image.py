# Copyright (c) 2026, The labserver.jupyter authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The root image of the guest: made once, in .cache/machines/root-<hash>.img, named by all that goes into it."""

from __future__ import annotations

import hashlib
import os
import shutil
import subprocess
from pathlib import Path

from . import kernel
from .places import CACHE, KEY
from .process import sh

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
GUEST_PACKAGES += ["xfsprogs", "quota"]  # for people's quotas
GUEST_PACKAGES += ["git", "python3-venv"]  # for people who work in a share

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


def install_missing() -> None:
    """Install the Debian packages that the machines need and that are missing here."""
    wanted = [*HOST_PACKAGES, *(["gcc", "libc6-dev"] if kernel.needs_library() else [])]
    query = ["dpkg-query", "-W", "-f", "${Package} ${Status}\n", *wanted]
    state = sh(*query, check=False, capture_output=True).stdout
    missing = [name for name in wanted if f"{name} install ok installed" not in state]
    if missing:
        print("machines: installing", *missing)
        env = {**os.environ, "DEBIAN_FRONTEND": "noninteractive"}
        sh("apt-get", "update", "-qq")
        sh("apt-get", "install", "-y", "-qq", "--no-install-recommends", *missing, env=env, stdout=subprocess.DEVNULL)


def build() -> Path:
    """Return the root image; it is built only when something that goes into it has changed."""
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
    print(f"machines: building {result.name} (once, about two minutes)")
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
