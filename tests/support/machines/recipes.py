# Copyright (c) 2026, The labserver.jupyter authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What the guests are made of, one recipe for each: ``RECIPE`` is that of the machine that LABSERVER_MACHINE names."""

from __future__ import annotations

from dataclasses import dataclass, replace

from .places import ADMIN, ADMIN_ASKED, ASKED_PASSWORD, KIND


@dataclass(frozen=True)
class Recipe:
    """A guest: its packages, the script that makes a lab's host of them, and what its machine has.

    ``suite`` is Debian's, empty for that of this machine. ``homes``: /home is a disk of its own, with quotas.
    ``emulated``: Debian's own kernel under qemu instead of user-mode Linux, which is ten times as slow.
    ``handed``: its engine has the images of .cache/images, which a scenario built. ``nas``: a NAS stands beside it.
    """

    packages: tuple[str, ...]
    prepare: str
    fstab: bytes
    suite: str = ""
    memory: str = "1536M"
    disk: str = "6G"
    nas: bool = False
    homes: bool = False
    handed: bool = False
    emulated: bool = False


# Runs in the folder of the tree, before USER_MODE and that of the recipe.
PREPARE = r"""
set -e
cd "$1"
mkdir -p root/.ssh etc/systemd/network
chmod 700 root/.ssh
cp "$KEY.pub" root/.ssh/authorized_keys
cp "$FILES/fstab" etc/fstab
network() {
  printf '[Match]\nName=%s\n[Network]\nAddress=%s/24\nLinkLocalAddressing=no\nConfigureWithoutCarrier=yes\n' "$1" "$2" \
    > "etc/systemd/network/$1.network"
}
chroot . systemctl -q enable systemd-networkd ssh docker cron
chroot . systemctl -q mask systemd-networkd-wait-online
chroot . systemctl -q mask apt-daily.timer apt-daily-upgrade.timer dpkg-db-backup.timer e2scrub_all.timer
echo 'UseDNS no' >> etc/ssh/sshd_config
: > etc/machine-id
"""

USER_MODE = r"""
mkdir -p lib/modules
cp -a /usr/lib/uml/modules/* lib/modules/
for m in lib/modules/*; do chroot . depmod "$(basename "$m")"; done
network vec0 192.0.2.2
# This kernel has no NAT of nftables.
chroot . update-alternatives --set iptables /usr/sbin/iptables-legacy
chroot . update-alternatives --set ip6tables /usr/sbin/ip6tables-legacy
"""

SYSTEM = (
    "systemd", "systemd-sysv", "udev", "dbus", "python3", "python3-apt", "openssh-server", "ca-certificates",
    "iproute2", "kmod", "procps", "cron", "util-linux", "docker.io", "iptables", "e2fsprogs", "quota",
)  # fmt: skip

SHARES = Recipe(
    packages=(
        *SYSTEM, "cifs-utils", "keyutils", "busybox-static", "nfs-common", "xfsprogs",
        "git", "python3-venv",  # for people who work in a share
    ),
    prepare=r"""
echo labguest > etc/hostname
printf '127.0.0.1 localhost\n127.0.1.1 labguest\n198.51.100.1 nas nas.lab\n198.51.100.9 silent\n' > etc/hosts
network vec1 198.51.100.2
chroot . groupadd -g 30001 leem
chroot . groupadd -g 30002 xps
chroot . groupadd -g 30003 guests
chroot . useradd -u 20001 -U -G leem -m jupyter-alice
chroot . useradd -u 20002 -U -G xps -m jupyter-bob
chroot . useradd -u 20003 -U -G guests -m jupyter-dora
""",
    # Lines that are nobody's business but the administrator's: they must come out of every run as they went in.
    fstab=(
        b"# /etc/fstab of the test guest\n/dev/ubda\t/ ext4  defaults,errors=remount-ro 0 1\n\n"
        b"  # an indented comment, with \xfc in latin-1\nproc /proc proc\n"
        b"//198.51.100.1/data   /mnt/data    cifs    credentials=/root/.credentials,noauto,ro   0   0\n"
        b"none /run/scratch\\040pad tmpfs size=1M,noauto 0 0 # trailing words\n"
    ),
    nas=True,
)  # fmt: skip

REAL = Recipe(
    suite="trixie",
    # With what the roles would install: a disk with it is made in a minute, while dpkg needs many on this kernel. That
    # the roles install it on a bare host is shown by the scenarios in containers.
    packages=(
        *SYSTEM, "sudo", "nftables", "curl", "docker-cli", "docker-compose", "python3-requests", "python3-yaml",
        "python3-bcrypt", "nginx", "openssl", "mmdebstrap", "debian-archive-keyring", "zstd", "acl",
    ),
    prepare=rf"""
echo atlas > etc/hostname
printf '127.0.0.1 localhost\n127.0.1.1 atlas\n192.0.2.2 atlas.lab.example.test\n' > etc/hosts
for name in {ADMIN} {ADMIN_ASKED}; do
  chroot . useradd -m -b /srv -s /bin/bash -G sudo "$name" # /home comes later, with its disk
  mkdir -m 700 "srv/$name/.ssh"
  cp "$KEY.pub" "srv/$name/.ssh/authorized_keys"
  chroot . chown -R "$name:$name" "/srv/$name/.ssh"
done
echo '{ADMIN_ASKED}:{ASKED_PASSWORD}' | chroot . chpasswd
echo '{ADMIN} ALL=(ALL) NOPASSWD: ALL' > etc/sudoers.d/{ADMIN}
# The mount itself switches quotas on; systemd's own service then fails with "File exists".
chroot . systemctl -q mask quotaon@home.service
""",
    fstab=b"/dev/ubda / ext4 errors=remount-ro 0 1\n/dev/ubdb /home ext4 defaults,usrquota 0 2\n",
    memory="4G",
    disk="40G",
    homes=True,
    handed=True,
)  # fmt: skip

EMULATED = replace(
    REAL,
    packages=(*REAL.packages, "linux-image-cloud-amd64", "initramfs-tools", "apparmor"),
    prepare="network eth0 192.0.2.2\n" + REAL.prepare,
    fstab=b"/dev/vda / ext4 errors=remount-ro 0 1\n/dev/vdb /home ext4 defaults,usrquota 0 2\n",
    memory="3G",
    emulated=True,
)

RECIPES = {"shares": SHARES, "real": REAL, "emulated": EMULATED}
RECIPE = RECIPES[KIND]
