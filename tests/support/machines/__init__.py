# Copyright (c) 2026, The labserver.jupyter authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A host with a kernel of its own and a NAS beside it, as ordinary processes of this machine.

    python -m machines up      build what is missing, start the NAS and the host, wait until the host has booted
    python -m machines down    stop both and remove their network devices
    python -m machines ssh CMD run a command on the host
    python -m machines inside CMD
                               run a command of this machine in the network of the host

There are two hosts, see ``recipes``; LABSERVER_MACHINE=real makes the second: Debian 13 as an administrator gets it,
with accounts that have sudo, and without a NAS.

The host (the guest) is Debian on user-mode Linux: a real kernel with cifs, autofs, overlay and cgroups that needs no
KVM. Guest, NAS and the cables between them are in a network namespace of their own: whatever addresses this machine
uses, the two never meet. The commands need root, and tests/support on PYTHONPATH.

    places      folders and addresses
    process     start, stop and wait for processes
    network     the namespace, its devices, the cable of the NAS
    recipes     what the guests are made of
    image       the root image of the guest
    engine      images for the guest's engine
    kernel      user-mode Linux, and what it lacks on processors with AMX
    guest       boot it, pull its plug, run commands in it
    nas         Samba and an NFS server
"""
