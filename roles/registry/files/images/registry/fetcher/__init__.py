# Copyright (c) 2026, The labserver.jupyter authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Fetches images from other registries for the caches of a lab: login, redirects, the lab's proxy, and checked digests.

What it fetched, nginx keeps (``caches.conf`` of the role ``registry``); this package stores nothing.
"""
