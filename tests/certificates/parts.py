# Copyright (c) 2026, The labserver.jupyter authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Real parts for the tests of the certificates: Debian's pebble as the authority, certbot, TLS servers, the program.

Everything listens on loopback and keeps its files below a temporary folder; time is moved with faketime only.
"""

from __future__ import annotations

import contextlib
import hashlib
import http.server
import json
import os
import shutil
import signal
import socket
import ssl
import subprocess
import sys
import threading
import time
import urllib.request
from collections.abc import Iterator
from functools import partial
from pathlib import Path
from typing import Any

import collection  # noqa: F401
from ansible_collections.labserver.jupyter.plugins.action import host_program
from paths import ROOT

HERE = Path(__file__).resolve().parent
PATH = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"
PACKAGES = ("pebble", "certbot", "faketime", "openssl")


def install_packages() -> None:
    """Install those Debian packages of PACKAGES that are missing (needs root), without the schedule of certbot."""
    missing = [name for name in PACKAGES if shutil.which(name) is None]
    if not missing:
        return
    environment = {**os.environ, "DEBIAN_FRONTEND": "noninteractive"}
    subprocess.run(["apt-get", "update", "-qq"], check=True, env=environment)
    command = ["apt-get", "install", "-y", "-qq", "--no-install-recommends", *missing]
    subprocess.run(command, check=True, env=environment, stdout=subprocess.DEVNULL)


def free_port() -> int:
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        return int(listener.getsockname()[1])


def wait_for(port: int) -> None:
    end = time.monotonic() + 20
    while time.monotonic() < end:
        with contextlib.suppress(OSError), socket.create_connection(("127.0.0.1", port), 1):
            return
        time.sleep(0.05)
    raise TimeoutError(f"nothing answers at port {port}")


def make_pair(folder: Path, name: str, names: str, days: int = 36500) -> tuple[Path, Path]:
    """A self-signed pair made by the openssl command: not by the code under test."""
    key, certificate = folder / f"{name}.key", folder / f"{name}.pem"
    subprocess.run(
        ["openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes",
         "-days", str(days), "-keyout", key, "-out", certificate, "-subj", f"/CN={name}",
         "-addext", f"subjectAltName={names}"],
        check=True, capture_output=True,
    )  # fmt: skip
    return key, certificate


def fingerprint_of_file(path: Path) -> str:
    text = path.read_text()
    return hashlib.sha256(ssl.PEM_cert_to_DER_cert(text[: text.index("-----END") + 26])).hexdigest()


def fingerprint_served(port: int, name: str = "") -> str:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.check_hostname = False
    context.verify_mode = ssl.CERT_NONE
    with (
        socket.create_connection(("127.0.0.1", port), 5) as plain,
        context.wrap_socket(plain, server_hostname=name or None) as connection,
    ):
        return hashlib.sha256(connection.getpeercert(binary_form=True) or b"").hexdigest()


def newer_acme() -> tuple[Path, Path]:
    """pebble and certbot of versions that know ARI (RFC 9773) and profiles, fetched once for this checkout."""
    folder = ROOT / ".cache/acme"
    subprocess.run([ROOT / "tools/newer-acme.sh", folder], check=True)
    return folder / "pebble", folder / "certbot/bin/certbot"


class Pebble:
    """The authority with its DNS server; certificates live ``days``, those of a profile as many as it says."""

    def __init__(
        self, folder: Path, days: float = 90, program: str = "pebble", profiles: dict[str, float] | None = None
    ) -> None:
        self.folder, self.days, self.program, self.profiles = folder, days, program, profiles or {}
        self.port, self.http, self.dns, self.dns_api = (free_port() for _number in range(4))
        self.management = free_port()
        self.key, self.ca = make_pair(folder, "api", "IP:127.0.0.1,DNS:localhost")
        self.url = f"https://127.0.0.1:{self.port}/dir"
        self.processes: list[subprocess.Popen[bytes]] = []

    def start(self) -> None:
        config: dict[str, dict[str, Any]] = {
            "pebble": {
                "listenAddress": f"127.0.0.1:{self.port}", "managementListenAddress": f"127.0.0.1:{self.management}",
                "certificate": str(self.ca), "privateKey": str(self.key), "httpPort": self.http, "tlsPort": free_port(),
                "ocspResponderURL": "", "externalAccountBindingRequired": False,
                "certificateValidityPeriod": int(self.days * 86400),
            }
        }  # fmt: skip
        if self.profiles:
            config["pebble"]["profiles"] = {
                name: {"description": name, "validityPeriod": int(days * 86400)} for name, days in self.profiles.items()
            }
        (self.folder / "pebble.json").write_text(json.dumps(config))
        dns = ["pebble-challtestsrv", "-dns01", f"127.0.0.1:{self.dns}", "-http01", "", "-https01", "",
               "-tlsalpn01", "", "-management", f"127.0.0.1:{self.dns_api}", "-defaultIPv4", "127.0.0.1",
               "-defaultIPv6", ""]  # fmt: skip
        main = [self.program, "-config", str(self.folder / "pebble.json"), "-dnsserver", f"127.0.0.1:{self.dns}"]
        environment = {**os.environ, "PEBBLE_VA_NOSLEEP": "1", "PEBBLE_WFE_NONCEREJECT": "0", "PEBBLE_AUTHZREUSE": "0"}
        with (self.folder / "pebble.log").open("ab") as log:
            for argv in (dns, main):
                self.processes.append(subprocess.Popen(argv, stdout=log, stderr=log, env=environment))
        wait_for(self.dns_api)
        wait_for(self.port)

    def stop(self) -> None:
        for process in self.processes:
            process.terminate()
            process.wait()
        self.processes.clear()

    def wants_renewal(self, certificate: Path) -> None:
        """From now on it says that the time to renew this certificate has passed (RFC 9773)."""
        window = {"suggestedWindow": {"start": "2026-01-01T00:00:00Z", "end": "2026-01-02T00:00:00Z"}}
        text = certificate.read_text()
        leaf = text[: text.index("-----END CERTIFICATE-----") + 26]
        body = json.dumps({"certificate": leaf, "ariResponse": json.dumps(window)}).encode()
        context = ssl.create_default_context(cafile=str(self.ca))
        address = f"https://127.0.0.1:{self.management}/set-renewal-info/"
        urllib.request.urlopen(address, body, context=context).close()

    def issued(self) -> int:
        """How many certificates it has issued, as its own log says."""
        return (self.folder / "pebble.log").read_text().count("Issued certificate serial")


class RateLimiter:
    """Passes everything on to the authority, except new orders: those it answers with 429, as Let's Encrypt does."""

    def __init__(self, pebble: Pebble) -> None:
        trust = ssl.create_default_context(cafile=str(pebble.ca))

        class Handler(http.server.BaseHTTPRequestHandler):
            def log_message(self, *_arguments: object) -> None:
                pass

            def do_GET(self) -> None:
                self.answer(None)

            def do_HEAD(self) -> None:
                self.answer(None)

            def do_POST(self) -> None:
                self.answer(self.rfile.read(int(self.headers["Content-Length"])))

            def answer(self, body: bytes | None) -> None:
                address = f"https://127.0.0.1:{pebble.port}{self.path}"
                headers = {key: self.headers[key] for key in ("Host", "Content-Type") if self.headers[key]}
                request = urllib.request.Request(address, body, headers, method=self.command)
                try:
                    answer = urllib.request.urlopen(request, context=trust)
                except urllib.error.HTTPError as error:
                    answer = error
                status, content = answer.status, answer.read()
                given = {
                    key: value for key, value in answer.headers.items() if key in ("Replay-Nonce", "Location", "Link")
                }
                given["Content-Type"] = answer.headers.get("Content-Type", "application/json")
                if "order" in self.path:
                    status, given["Retry-After"] = 429, "3600"
                    given["Content-Type"] = "application/problem+json"
                    text = {"type": "urn:ietf:params:acme:error:rateLimited", "detail": "too many certificates already"}
                    content = json.dumps(text).encode()
                self.send_response(status)
                for key, value in given.items():
                    self.send_header(key, value)
                self.send_header("Content-Length", str(len(content)))
                self.end_headers()
                if self.command != "HEAD":
                    self.wfile.write(content)

        self.server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(pebble.ca, pebble.key)
        self.server.socket = context.wrap_socket(self.server.socket, server_side=True)
        self.url = f"https://127.0.0.1:{self.server.server_port}/dir"
        threading.Thread(target=self.server.serve_forever, daemon=True).start()


class Webroot:
    """What port 80 of a server is for the authority: serves the folder of challenges."""

    def __init__(self, port: int, folder: Path) -> None:
        class Quiet(http.server.SimpleHTTPRequestHandler):
            def log_message(self, *_arguments: object) -> None:
                pass

        folder.mkdir(parents=True, exist_ok=True)
        self.server = http.server.ThreadingHTTPServer(("127.0.0.1", port), partial(Quiet, directory=str(folder)))
        threading.Thread(target=self.server.serve_forever, daemon=True).start()

    def stop(self) -> None:
        self.server.shutdown()
        self.server.server_close()


class Consumer:
    """A service that reads its certificate when it starts and at SIGHUP, like most."""

    def __init__(self, folder: Path, certificate: Path, key: Path) -> None:
        self.port = free_port()
        argv = [sys.executable, str(HERE / "tls_server.py"), str(self.port), str(certificate), str(key)]
        self.process = subprocess.Popen(argv, cwd=folder)
        wait_for(self.port)

    @property
    def reload(self) -> list[str]:
        return ["/bin/kill", "-HUP", str(self.process.pid)]

    def stop(self) -> None:
        self.process.send_signal(signal.SIGKILL)
        self.process.wait()


def build_program(folder: Path) -> Path:
    """Pack the program exactly as host_program does."""
    program = folder / "labserver"
    program.write_bytes(host_program.pack(ROOT))
    program.chmod(0o755)
    return program


class Lab:
    """A server below a folder, and the program that runs there with the empty environment of cron."""

    def __init__(self, root: Path, program: Path) -> None:
        self.root, self.program = root, program

    def configure(self, *certificates: dict[str, Any], ca: dict[str, Any] | None = None) -> None:
        folder = self.root / "etc/labserver"
        folder.mkdir(parents=True, exist_ok=True)
        text = json.dumps({"version": 1, "ca": ca or {}, "certificates": list(certificates)})
        (folder / "certificates.json").write_text(text)

    def command(self, *arguments: str, shift: str = "") -> list[str]:
        clock = ["faketime", "-f", shift] if shift else []
        return [
            "env",
            "-i",
            f"PATH={PATH}",
            *clock,
            "/usr/bin/python3",
            str(self.program),
            *arguments,
            "--root",
            str(self.root),
        ]

    def renew(self, *arguments: str, shift: str = "") -> tuple[int, dict[str, Any], str]:
        """Exit status, outcome, and all that was said."""
        done = subprocess.run(
            self.command("renew", "--json", *arguments, shift=shift), capture_output=True, text=True, check=False,
            stdin=subprocess.DEVNULL, timeout=180,
        )  # fmt: skip
        outcome = json.loads(done.stdout) if done.stdout.strip() else {}
        return done.returncode, outcome, done.stderr + done.stdout

    def state(self, name: str) -> dict[str, Any]:
        return json.loads((self.root / "var/lib/labserver/certificates.json").read_text())["certificates"][name]

    def file(self, name: str, file: str = "cert.pem") -> Path:
        return self.root / "etc/labserver/tls" / name / file

    def fingerprint(self, name: str) -> str:
        return fingerprint_of_file(self.file(name))


@contextlib.contextmanager
def running(thing: Any) -> Iterator[Any]:
    try:
        yield thing
    finally:
        thing.stop()


INTERNAL = {"name": "hub", "names": ["hub.lab.test", "192.168.2.5"], "source": "internal_ca"}


CA = {"keeper": True, "name": "Lab of the tests"}
