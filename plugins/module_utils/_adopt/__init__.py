# Copyright (c) 2026, The labserver.jupyter authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Takes over a server with TLJH or a hub by Compose: its people with their passwords, and the way back.

Reading and inference run on Python 3.9, as the doctor does; what changes a host needs that of a lab server.
"""
