# Copyright (c) 2026, The labserver.jupyter authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The doctor: looks at any host with a hub (TLJH, Compose, a lab server), changes nothing, and names its hazards.

Facts are read once into a frozen ``Current``; every hazard is a pure function of it. It runs on Python 3.9, since hosts
are looked at that this collection has not set up.
"""
