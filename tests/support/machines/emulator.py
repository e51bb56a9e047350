# Copyright (c) 2026, The labserver.jupyter authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Debian's own kernel under qemu, with a processor that qemu computes: it needs no KVM, and much time.

The kernel and its initramfs lie beside the image, since there is no boot loader. If a guest makes another initramfs,
it has to be copied to INITRD before the next start.
"""

from __future__ import annotations

from pathlib import Path

from .places import CONTROL, RUN
from .process import sh
from .recipes import RECIPE

DISK = RUN / "disk.img"  # a plain file: tools of ext4 work on it while the guest is off, as from a rescue system
INITRD = RUN / "initrd"  # what the guest made itself


def command(image: Path, more: list[Path]) -> list[str]:
    """Return the command that boots a copy of an image; ``more`` are further disks."""
    if not DISK.exists():
        sh("cp", "--sparse=always", image, DISK)
    initrd = INITRD if INITRD.exists() else image.with_suffix(".initrd")
    return [
        "qemu-system-x86_64", "-accel", "tcg,thread=multi", "-cpu", "max", "-smp", "2", "-m", RECIPE.memory,
        "-nodefaults", "-display", "none", "-serial", "stdio",
        "-kernel", str(image.with_suffix(".vmlinuz")), "-initrd", str(initrd),
        "-append", "root=/dev/vda rw console=ttyS0 net.ifnames=0 mitigations=off",
        *(word for path in (DISK, *more) for word in ("-drive", f"file={path},format=raw,if=virtio,cache=writeback")),
        "-netdev", f"tap,id=control,ifname={CONTROL[0]},script=no,downscript=no",
        "-device", "virtio-net-pci,netdev=control", "-device", "virtio-rng-pci",
    ]  # fmt: skip
