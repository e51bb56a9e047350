# Copyright (c) 2026, The labserver.jupyter authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A TLS server that reads its certificate at the start and at SIGHUP: tls_server.py PORT CERTIFICATE KEY."""

from __future__ import annotations

import signal
import socket
import ssl
import sys

port, certificate, key = int(sys.argv[1]), sys.argv[2], sys.argv[3]


served: list[ssl.SSLContext] = []


def load(*_arguments: object) -> None:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(certificate, key)
    served[:] = [context]


load()
signal.signal(signal.SIGHUP, load)
with socket.create_server(("127.0.0.1", port)) as listener:
    while True:
        connection, _address = listener.accept()
        try:
            served[0].wrap_socket(connection, server_side=True).close()
        except OSError:
            connection.close()
