# Copyright (c) 2026, The labserver.jupyter authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A token server for distribution's token authentication: it signs what each of its users may do."""

from __future__ import annotations

import base64
import json
import threading
import time
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from urllib.parse import parse_qs, urlsplit

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import padding, rsa

SERVICE, ISSUER = "lab registry", "lab tokens"
ALL = {"pull", "push", "delete", "*"}


def packed(data: bytes) -> str:
    return base64.urlsafe_b64encode(data).rstrip(b"=").decode()


class TokenServer:
    """``key`` and ``certificate``: PEM files; ``users``: name -> password and the actions that are allowed."""

    def __init__(
        self, key: Path, certificate: Path, users: dict[str, tuple[str, set[str]]], lifetime: int = 60
    ) -> None:
        server = self
        secret = serialization.load_pem_private_key(key.read_bytes(), None)
        assert isinstance(secret, rsa.RSAPrivateKey)
        chain = x509.load_pem_x509_certificate(certificate.read_bytes()).public_bytes(serialization.Encoding.DER)
        self.given: list[tuple[str, list[str]]] = []  # user and scopes of each token
        known = {
            "Basic " + base64.b64encode(f"{name}:{password}".encode()).decode(): (name, actions)
            for name, (password, actions) in users.items()
        }

        class Handler(BaseHTTPRequestHandler):
            def log_message(self, *_args: object) -> None:
                pass

            def do_GET(self) -> None:
                name, allowed = known.get(self.headers.get("Authorization", ""), ("", set()))
                query = parse_qs(urlsplit(self.path).query)
                if not name or query.get("service") != [SERVICE]:
                    self.send_error(401)
                    return
                server.given.append((name, query.get("scope", [])))
                access = []
                for scope in query.get("scope", []):
                    kind, repository, actions = scope.split(":")
                    access.append(
                        {"type": kind, "name": repository, "actions": sorted(set(actions.split(",")) & allowed)}
                    )
                now = int(time.time())
                claims = {
                    "iss": ISSUER,
                    "sub": name,
                    "aud": SERVICE,
                    "nbf": now - 10,
                    "iat": now - 10,
                    "exp": now + lifetime,
                    "jti": str(len(server.given)),
                    "access": access,
                }
                header = {"typ": "JWT", "alg": "RS256", "x5c": [base64.b64encode(chain).decode()]}
                signed = f"{packed(json.dumps(header).encode())}.{packed(json.dumps(claims).encode())}"
                signature = secret.sign(signed.encode(), padding.PKCS1v15(), hashes.SHA256())
                token = f"{signed}.{packed(signature)}"
                body = json.dumps({"token": token, "expires_in": lifetime}).encode()
                self.send_response(200)
                self.send_header("Content-Type", "application/json")
                self.send_header("Content-Length", str(len(body)))
                self.end_headers()
                self.wfile.write(body)

        self.server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.server.daemon_threads = True
        self.realm = f"http://127.0.0.1:{self.server.server_address[1]}/token"
        threading.Thread(target=self.server.serve_forever, daemon=True).start()

    def __enter__(self) -> TokenServer:
        return self

    def __exit__(self, *_exc: object) -> None:
        self.server.shutdown()
        self.server.server_close()

    def config(self, certificate: Path) -> str:
        """The registry's configuration for tokens of this server."""
        return (
            f'auth: {{token: {{realm: "{self.realm}", service: "{SERVICE}", issuer: "{ISSUER}", '
            f'rootcertbundle: "{certificate}"}}}}\n'
        )
