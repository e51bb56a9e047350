# Copyright (c) 2026, The labserver.jupyter authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""nginx's main configuration as Debian has it, with everything below one folder; the role adds ``labserver.conf``."""

from __future__ import annotations

MAIN = """\
worker_processes 1;
pid {root}/pid;
error_log {root}/error.log;
events {{
\tworker_connections 768;
}}
http {{
    access_log off;
    # A busy machine takes longer than nginx's minute to open what a test keeps open.
    client_body_timeout 600s;
    client_body_temp_path {root}/body;
    proxy_temp_path {root}/proxy;
    fastcgi_temp_path {root}/fastcgi;
    uwsgi_temp_path {root}/uwsgi;
    scgi_temp_path {root}/scgi;
    include {root}/labserver.conf;
}}
"""
