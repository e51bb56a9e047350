# Copyright (c) 2026, The labserver.jupyter authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Runs in the guest: a registry with one image, a "notebook" of a few hundred kilobytes, and the catalogue for it.

    python3 notebook_image.py CATALOGUE PERSON...

The hub starts only digests of a registry. What it starts here is busybox's web server under the name of the notebook
server: it answers where the hub looks whether the server of one of the PERSONs is up, and has a shell to work in.
"""

from __future__ import annotations

import gzip
import hashlib
import io
import json
import subprocess
import sys
import tarfile
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

BUSYBOX = Path("/bin/busybox")
MANIFEST = "application/vnd.docker.distribution.manifest.v2+json"
CONFIG = "application/vnd.docker.container.image.v1+json"
LAYER = "application/vnd.docker.image.rootfs.diff.tar.gzip"
SERVER = "#!/bin/sh\nexec httpd -f -p 8888 -h /www\n"


def layer(people: list[str]) -> bytes:
    """Return the image's files as a tar archive."""
    out = io.BytesIO()
    with tarfile.open(fileobj=out, mode="w") as archive:

        def add(name: str, content: bytes) -> None:
            entry = tarfile.TarInfo(name)
            entry.size, entry.mode = len(content), 0o755
            archive.addfile(entry, io.BytesIO(content))

        add("bin/busybox", BUSYBOX.read_bytes())
        applets = subprocess.run([BUSYBOX, "--list"], capture_output=True, text=True, check=True).stdout.split()
        for applet in sorted(set(applets) - {"busybox"}):
            entry = tarfile.TarInfo(f"bin/{applet}")
            entry.type, entry.linkname = tarfile.SYMTYPE, "busybox"
            archive.addfile(entry)
        add("bin/jupyterhub-singleuser", SERVER.encode())
        for person in people:
            add(f"www/user/{person}/api", b"{}\n")
    return out.getvalue()


def image(people: list[str]) -> tuple[str, dict[str, tuple[str, bytes]]]:
    """Return the image's digest and its blobs: digest -> media type and content."""
    tar = layer(people)
    packed = gzip.compress(tar, 1, mtime=0)
    blobs: dict[str, tuple[str, bytes]] = {}

    def keep(kind: str, content: bytes) -> dict[str, object]:
        digest = f"sha256:{hashlib.sha256(content).hexdigest()}"
        blobs[digest] = (kind, content)
        return {"mediaType": kind, "size": len(content), "digest": digest}

    rootfs = {"type": "layers", "diff_ids": [f"sha256:{hashlib.sha256(tar).hexdigest()}"]}
    config = {"architecture": "amd64", "os": "linux", "config": {"Env": ["PATH=/bin"]}, "rootfs": rootfs}
    manifest = {
        "schemaVersion": 2,
        "mediaType": MANIFEST,
        "config": keep(CONFIG, json.dumps(config).encode()),
        "layers": [keep(LAYER, packed)],
    }
    return str(keep(MANIFEST, json.dumps(manifest).encode())["digest"]), blobs


def main(catalogue: Path, people: list[str]) -> None:
    digest, blobs = image(people)
    entry = {
        "repository": "notebook", "tag": "1.0", "digest": digest, "reference": f"127.0.0.1:5000/notebook@{digest}",
        "title": "Notebook", "groups": None, "state": "ready", "reason": "",
    }  # fmt: skip
    catalogue.parent.mkdir(parents=True, exist_ok=True)

    class Registry(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            kind, content = blobs.get(self.path.rpartition("/")[2], ("application/json", b"{}"))
            self.send_response(200)
            self.send_header("Content-Type", kind)
            self.send_header("Content-Length", str(len(content)))
            self.end_headers()
            if self.command == "GET":
                self.wfile.write(content)

        do_HEAD = do_GET  # noqa: N815

        def log_message(self, *_args: object) -> None:
            """Say nothing."""

    server = ThreadingHTTPServer(("127.0.0.1", 5000), Registry)
    catalogue.write_text(json.dumps({"version": 1, "images": [entry]}))  # now that it can be pulled
    server.serve_forever()


if __name__ == "__main__":
    main(Path(sys.argv[1]), sys.argv[2:])
