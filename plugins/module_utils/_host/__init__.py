# Copyright (c) 2026, The labserver.jupyter authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The host itself: what it is, what is in the way on it, whether it can become a lab server; and its packages.

``model``, ``systems``, ``read`` and ``judge`` also run on the old Python of a host that has to be refused: nothing in
them needs more than Python 3.8, the oldest that ansible-core 2.19 takes on a host.
"""
