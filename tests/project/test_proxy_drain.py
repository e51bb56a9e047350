# Copyright (c) 2026, The labserver.jupyter authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A proxy that is told to stop passes on what a server has sent, and the server hears of it before it sends more."""

from __future__ import annotations

import signal
import socket
import subprocess
import threading
import time
from pathlib import Path

import pytest
from paths import ROOT

DRAIN = ROOT / "roles/hub/files/images/proxy/drain.js"
# What configurable-http-proxy does with a websocket (http-proxy-3, ws-incoming), and how it ends.
PROXY = """
const http = require('node:http');
const server = http.createServer();
server.on('upgrade', (request, socket) => {
  const headers = {connection: 'Upgrade', upgrade: 'websocket'};
  const up = http.request({host: '127.0.0.1', port: Number(process.argv[2]), headers});
  up.on('upgrade', (answer, other, head) => {
    if (head.length) other.unshift(head);
    socket.write('HTTP/1.1 101 Switching Protocols\\r\\nConnection: Upgrade\\r\\nUpgrade: websocket\\r\\n\\r\\n');
    other.pipe(socket).pipe(other);
  });
  up.end();
});
process.on('SIGTERM', () => process.exit(2));
server.listen(0, '127.0.0.1', () => console.log(server.address().port));
"""
UPGRADE = b"GET / HTTP/1.1\r\nHost: a\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n\r\n"


def serve(listener: socket.socket, sent: list[int]) -> None:
    """Send numbers as fast as they go until the other side has no more to say, as a server that sees it does."""
    connection, _address = listener.accept()
    with connection:
        connection.recv(4096)
        connection.sendall(b"HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n\r\n")
        connection.setblocking(False)
        number = 0
        while True:
            try:
                if connection.recv(4096) == b"":
                    break
            except BlockingIOError:
                pass
            except ConnectionResetError:
                break
            connection.setblocking(True)
            try:
                connection.sendall(b"%d\n" % number)
            except ConnectionError:
                break
            connection.setblocking(False)
            sent.append(number)
            number += 1
            time.sleep(0.0002)


@pytest.fixture(scope="module")
def node() -> str:
    """The program itself: the one on PATH starts it as a child, and would not hand signals on."""
    done = subprocess.run(["node", "-p", "process.execPath"], capture_output=True, text=True, check=True, timeout=60)
    return done.stdout.strip()


@pytest.mark.parametrize("drained", [True, False])
def test_what_was_sent_arrives(tmp_path: Path, node: str, drained: bool) -> None:
    (tmp_path / "proxy.js").write_text(PROXY)
    sent: list[int] = []
    with socket.create_server(("127.0.0.1", 0)) as listener:
        server = threading.Thread(target=serve, args=(listener, sent), daemon=True)
        server.start()
        options = ["--require", str(DRAIN)] if drained else []
        command = [node, *options, str(tmp_path / "proxy.js"), str(listener.getsockname()[1])]
        with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as proxy:
            assert proxy.stdout is not None
            port = int(proxy.stdout.readline())
            with socket.create_connection(("127.0.0.1", port), 20) as client:
                client.sendall(UPGRADE)
                received = client.recv(4096)
                while received.count(b"\n") < 200:
                    received += client.recv(4096)
                if not drained:  # a moment in which something is on its way, which the numbers alone do not bring about
                    proxy.send_signal(signal.SIGSTOP)
                    time.sleep(0.2)
                proxy.send_signal(signal.SIGTERM)
                proxy.send_signal(signal.SIGCONT)
                client.settimeout(20)
                try:
                    while piece := client.recv(1 << 16):
                        received += piece
                except ConnectionResetError:
                    pass
            assert proxy.wait(20) == 2, "it ends as it would have"
        server.join(20)
    numbers = [int(line) for line in received.split(b"\r\n\r\n", 1)[1].split()]
    assert (numbers == sent) is drained, (len(numbers), len(sent))
