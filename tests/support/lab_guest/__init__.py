# Copyright (c) 2026, The labserver.jupyter authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The guest of ``machines`` as a lab server: its people, their notebooks, its hub and its shares.

server      commands as people and in their notebooks, runs of roles
hub         the lab's own spawner and guard in the guest
fixtures    both for pytest: `from lab_guest.fixtures import guest, hub, settings` in a conftest.py
programs/   what runs in the guest
"""
