# Copyright (c) 2026, The labserver.jupyter authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Gives images of this machine's engine names with a digest, as a registry does, without moving them.

The engine pulls a manifest, sees that it has the image already, and keeps the name (moby, ``pullSchema2``: no layer is
asked for when the image's configuration is known). Pushing gigabytes would take minutes.
"""

from __future__ import annotations

import hashlib
import http.server
import json
import subprocess
import threading

MANIFEST = "application/vnd.docker.distribution.manifest.v2+json"
CONFIG = "application/vnd.docker.container.image.v1+json"


def manifest_of(image_id: str) -> bytes:
    """Return a manifest of an image that the engine has; ``image_id`` is ``sha256:...``."""
    config = {"mediaType": CONFIG, "size": 1, "digest": image_id}
    return json.dumps({"schemaVersion": 2, "mediaType": MANIFEST, "config": config, "layers": []}).encode()


class Registry:
    """Answers the engine on loopback, where it wants no TLS."""

    def __init__(self) -> None:
        self.manifests: dict[str, bytes] = {}
        manifests = self.manifests

        class Handler(http.server.BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def do_GET(self) -> None:
                found = b"{}" if self.path == "/v2/" else manifests.get(self.path.rpartition("/")[2], b"")
                self.send_response(200 if found else 404)
                self.send_header("Content-Type", MANIFEST)
                self.send_header("Content-Length", str(len(found)))
                self.send_header("Docker-Content-Digest", f"sha256:{hashlib.sha256(found).hexdigest()}")
                self.end_headers()
                if self.command == "GET":
                    self.wfile.write(found)

            def do_HEAD(self) -> None:
                self.do_GET()

            def log_message(self, *_arguments: object) -> None:
                pass

        self._server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        threading.Thread(target=self._server.serve_forever, daemon=True).start()

    def name(self, repository: str, image: str) -> str:
        """Return ``HOST/REPOSITORY@sha256:...`` for an image; the engine knows it by that name from now on."""
        show = ["docker", "image", "inspect", "--format={{.Id}}", image]
        manifest = manifest_of(subprocess.run(show, capture_output=True, text=True, check=True).stdout.strip())
        digest = f"sha256:{hashlib.sha256(manifest).hexdigest()}"
        self.manifests[digest] = manifest
        reference = f"127.0.0.1:{self._server.server_port}/{repository}@{digest}"
        subprocess.run(["docker", "pull", "--quiet", reference], capture_output=True, check=True)
        return reference

    def close(self) -> None:
        """Answer no more."""
        self._server.shutdown()
