# Copyright (c) 2026, The labserver.jupyter authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Takes a server out of service: what is on it, what forbids it, the last backup, what is removed and what remains.

What the roles made is taken away by their own ``state: absent``; what is here is what none of them knows by itself.
"""
