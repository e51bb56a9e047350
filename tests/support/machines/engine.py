# Copyright (c) 2026, The labserver.jupyter authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Images for the engine of a guest, loaded by that engine itself before the guest ever boots.

The engine runs in the guest's tree with network and mounts of its own: a second engine in the network of this machine
would take the bridge away from the first.
"""

from __future__ import annotations

from pathlib import Path

from .process import sh

SCRIPT = r"""
set -e
tree=$1
shift
mount --bind "$tree" "$tree" # the engine unpacks in mounts of its own, which it can only make below a mount point
mount -t proc proc "$tree/proc"
mount --rbind /sys "$tree/sys"
mount -t tmpfs tmpfs "$tree/run"
mount --rbind /dev "$tree/dev"
ip link set lo up
chroot "$tree" dockerd --bridge=none --iptables=false --ip6tables=false > "$tree/run/dockerd.log" 2>&1 &
engine=$!
for _ in $(seq 60); do chroot "$tree" docker info >/dev/null 2>&1 && break; sleep 1; done
for archive; do
  chroot "$tree" docker load --quiet < "$archive" || { tail -n 40 "$tree/run/dockerd.log" >&2; exit 1; }
done
kill "$engine"
wait "$engine" || true
cd "$tree/var/lib/docker"
rm -rf tmp runtimes network containers volumes buildkit
"""


def load(tree: Path, archives: list[Path]) -> None:
    """Load archives of ``docker save`` into the engine of a root file system."""
    apart = ["unshare", "--net", "--mount", "--propagation", "private", "--pid", "--fork", "--kill-child"]
    sh(*apart, "bash", "-c", SCRIPT, "engine", tree, *archives)
