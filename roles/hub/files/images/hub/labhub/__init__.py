# Copyright (c) 2026, The labserver.jupyter authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What this project adds to JupyterHub: who may in, what a server looks like, which images there are.

Everything is decided from small JSON files that other parts of the lab server replace at any time
(docs/interfaces.md), so neither a new person nor a new image needs a restart of the hub.
"""
