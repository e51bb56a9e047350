# Copyright (c) 2026, The labserver.jupyter authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Folders and addresses of the machines."""

from __future__ import annotations

import hashlib
import os

from paths import CACHE as ALL_CACHES

KIND = os.environ.get("LABSERVER_MACHINE", "shares")  # whose recipe it is, see recipes.py
CACHE = ALL_CACHES / "machines"
RUN = CACHE / ("run" if KIND == "shares" else f"run-{KIND}")  # of the machines that are up
HANDED = ALL_CACHES / "images"  # the images that scenarios built
KEY = CACHE / "key"  # for ssh into the guest

# Each checkout has machines of its own.
NAMESPACE = "lsh-" + hashlib.sha256(str(RUN).encode()).hexdigest()[:6]
CONTROL = ("lsh-control", "192.0.2.1", "192.0.2.2")  # device, address of this machine, address of the guest
NAS = ("lsh-nas", "198.51.100.1", "198.51.100.2")
SILENT = "198.51.100.9"  # a server that accepts connections and never says a word

# Who administers the guest "real" over ssh with the key: one whom sudo asks nothing, one whom it asks for the password.
ADMIN = "admin"
ADMIN_ASKED = "keeper"
ASKED_PASSWORD = "a password for sudo"
