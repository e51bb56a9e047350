# Copyright (c) 2026, The labserver.jupyter authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What this project adds to JupyterHub: who may in, what a server looks like, which images there are.

Everything is decided from small JSON files that other parts of the lab server replace at any time
(docs/reference/interfaces.md), so neither a new person nor a new image needs a restart of the hub.

The packages, and which others each may import (``tests/hub/test_packages.py`` holds this table)::

    words     (imports nothing)                           the languages of the pages, and the texts in them
    exchange  (imports words)                             reads the files, and the hub's settings
    login     (imports exchange, words)                   who may log in, and by which method
    servers   (imports exchange, words)                   people's servers: form, container, start, failures, use, rooms
    runs      (imports exchange, servers, words)          notebooks that run by the clock: when, how it went, their page
    builds    (imports exchange, servers, words)          images by people: builds, their logs, their page
    guard     (imports exchange, servers)                 the filter before Docker's socket, a process of its own
    portal    (imports builds, exchange, runs, servers, words)  the pages: first page, people, announcements, rooms
    api       (imports exchange, servers, words)          bounds and refusals before JupyterHub's own API and pages
    outside   (imports exchange, login, servers)          files from outside: who may in by SSH, and their containers
    front     (imports exchange)                          the SSH server before these, a process of its own
    keeper    (imports builds, exchange, outside, portal, runs, servers, words)  revokes access, ends the idle, copies

``wiring`` turns the settings into JupyterHub's configuration, ``app`` runs the hub, ``trial`` tries a configuration:
they may import everything, and nothing imports them. ``login/password_store.py`` and ``runs/cron.py`` are not in this
folder: they are shared with the collection's plugins, and the image gets them when it is built (``__hub_shared_files``
of the role).
"""
