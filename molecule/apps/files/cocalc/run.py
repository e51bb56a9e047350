"""Stand-in for a CoCalc server: same folders, ports and habits, among them to sleep forever when it failed to start."""

import http.server
import json
import os
import signal
import socketserver
import ssl
import subprocess
import threading
import time
from pathlib import Path

VERSION, LEGACY = os.environ["STANDIN_VERSION"], os.environ["STANDIN_STYLE"] == "legacy"
DATA = Path("/projects/postgres/data")
SOCKET = DATA / "socket"
TABLES = """
create table if not exists accounts (email_address text primary key, groups text[]);
create table if not exists registration_tokens (
  token text primary key, descr text, counter int, expires timestamp, "limit" int, disabled boolean);
create table if not exists server_settings (name text primary key, value text);
create table if not exists starts (version text);
"""


def as_postgres(*command):
    return ["setpriv", "--reuid=postgres", "--regid=postgres", "--clear-groups", *command]


def psql(sql):
    command = ["psql", "-X", "-q", "-A", "-t", "-h", str(SOCKET), "-U", "smc", "-d", "smc"]
    return subprocess.run(command, input=sql, text=True, capture_output=True, check=True).stdout


def folders():
    os.umask(0o077)
    Path("/projects").chmod(0o755)
    Path("/projects/conf").mkdir(exist_ok=True)


def certificate():
    folder = Path("/projects/conf") if LEGACY else Path("/projects/conf/cert")
    folder.mkdir(exist_ok=True)
    cert, key = (Path("/run/cert.pem"), Path("/run/key.pem")) if LEGACY else (folder / "cert.pem", folder / "key.pem")
    joined = folder / "nopassphrase.pem"
    if (LEGACY and not joined.exists()) or (not LEGACY and not (cert.exists() and key.exists())):
        subject = ["-subj", "/CN=cocalc", "-days", "30", "-newkey", "rsa:2048"]
        make = ["openssl", "req", "-new", "-x509", "-nodes", *subject, "-out", str(cert), "-keyout", str(key)]
        subprocess.run(make, check=True, capture_output=True)
        if LEGACY:
            joined.write_bytes(cert.read_bytes() + key.read_bytes())
    return (joined, joined) if LEGACY else (cert, key)


def database():
    fresh = not DATA.exists()
    Path("/projects/postgres").mkdir(exist_ok=True)
    subprocess.run(["chown", "-R", "postgres", "/projects/postgres"], check=True)
    if fresh:
        subprocess.run(as_postgres("initdb", "-D", str(DATA), "-A", "trust"), check=True, capture_output=True)
    SOCKET.mkdir(exist_ok=True)
    subprocess.run(["chown", "postgres", str(SOCKET)], check=True)
    (DATA / "postmaster.pid").unlink(missing_ok=True)
    server = ["postgres", "-D", str(DATA), "-c", f"unix_socket_directories={SOCKET}", "-c", "listen_addresses="]
    subprocess.Popen(as_postgres(*server), stderr=subprocess.DEVNULL)
    for _attempt in range(100):
        if subprocess.run(["pg_isready", "-q", "-h", str(SOCKET)], check=False).returncode == 0:
            break
        time.sleep(0.1)
    if fresh:
        subprocess.run(as_postgres("createuser", "-h", str(SOCKET), "-s", "smc"), check=True)
        subprocess.run(as_postgres("createdb", "-h", str(SOCKET), "-O", "smc", "smc"), check=True)
    psql(TABLES + f"insert into starts values ('{VERSION}');")


class Handler(http.server.BaseHTTPRequestHandler):
    def do_GET(self):
        if self.path in ("/alive", "/healthcheck"):
            self.answer(200, "alive")
        elif self.path == "/customize":
            self.answer(200, json.dumps({"version": VERSION}))
        elif self.path == "/":
            self.answer(200, f"stand-in {VERSION}")
        else:
            self.answer(404, "not found")

    def answer(self, status, text, **headers):
        self.send_response(status)
        for name, value in headers.items():
            self.send_header(name, value)
        self.end_headers()
        self.wfile.write(text.encode())

    def log_message(self, *args):
        pass


class Secure(socketserver.BaseRequestHandler):
    """The first words of an SSH server."""

    def handle(self):
        self.request.sendall(b"SSH-2.0-stand-in\r\n")


class Redirect(Handler):
    def do_GET(self):
        self.answer(301, "", Location=f"https://{self.headers['Host']}{self.path}")


def serve(port, handler, pair=None):
    server = http.server.ThreadingHTTPServer(("", port), handler)
    if pair:
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(*map(str, pair))
        signal.signal(signal.SIGHUP, lambda *_: context.load_cert_chain(*map(str, pair)))
        server.socket = context.wrap_socket(server.socket, server_side=True)
    threading.Thread(target=server.serve_forever).start()


def main():
    folders()
    pair = certificate()
    database()
    if "broken" in VERSION:
        # A new version that rewrites the database and then fails: the worst case for whoever upgrades.
        psql("drop table accounts;")
        raise RuntimeError("this version does not start")
    ssh = socketserver.ThreadingTCPServer(("", 22), Secure)
    threading.Thread(target=ssh.serve_forever).start()
    if os.environ.get("NOSSL"):
        serve(80, Handler)
    else:
        serve(443, Handler, pair)
        serve(80, Redirect)


signal.signal(signal.SIGTERM, lambda *_: os._exit(0))  # the real ones do not, which costs their tests 20 s a stop
try:
    main()
    while True:
        signal.pause()
except Exception as error:
    print("Failed to start -", error, flush=True)
    while True:
        time.sleep(60)
