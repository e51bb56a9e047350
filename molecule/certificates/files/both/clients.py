"""Clients of hub.lab.test until they are ended: python3 clients.py FILE keeps in FILE what became of them.

One websocket stays open; short connections follow each other as quickly as they are answered.
"""

import hashlib
import json
import pathlib
import socket
import ssl
import sys
import threading
import time

NAME = "hub.lab.test"
context = ssl.create_default_context()
context.check_hostname, context.verify_mode = False, ssl.CERT_NONE
seen = {"answers": 0, "echoed": 0, "certificates": [], "failures": []}


def connect():
    link = context.wrap_socket(socket.create_connection((NAME, 443), 10), server_hostname=NAME)
    fingerprint = hashlib.sha256(link.getpeercert(binary_form=True)).hexdigest()
    if fingerprint not in seen["certificates"]:
        seen["certificates"].append(fingerprint)
    return link


def short():
    while True:
        try:
            with connect() as link:
                link.sendall(b"GET / HTTP/1.1\r\nHost: hub.lab.test\r\nConnection: close\r\n\r\n")
                answer = b"".join(iter(lambda: link.recv(4000), b""))
                if not answer.startswith(b"HTTP/1.1 200 ") or not answer.endswith(b"}"):
                    raise OSError(f"half an answer: {answer[:100]!r}")
                seen["answers"] += 1
            time.sleep(0.02)
        except OSError as error:
            seen["failures"].append(repr(error))


def long():
    try:
        link = connect()
        link.sendall(b"GET /ws HTTP/1.1\r\nHost: hub.lab.test\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n\r\n")
        if b" 101 " not in link.recv(4000):
            raise OSError("no websocket")
        while True:
            link.sendall(b"%d" % seen["echoed"])
            if link.recv(100) != b"%d" % seen["echoed"]:
                raise OSError("the echo is another one")
            seen["echoed"] += 1
            time.sleep(0.1)
    except OSError as error:
        seen["failures"].append(f"websocket: {error!r}")


for work in (short, long):
    threading.Thread(target=work, daemon=True).start()
while True:
    time.sleep(0.2)
    new = pathlib.Path(sys.argv[1] + ".new")
    new.write_text(json.dumps(seen))
    new.replace(sys.argv[1])
