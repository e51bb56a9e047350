"""A stand-in for the hub: shows the headers that reach it, echoes what comes through a websocket connection, and keeps
what is posted to it (the webhook of the alerts) in /var/log/test-posted."""

import http.server
import json
import pathlib


class Hub(http.server.BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def do_GET(self):
        if self.headers.get("Upgrade") == "websocket":
            self.send_response(101)
            self.send_header("Upgrade", "websocket")
            self.send_header("Connection", "Upgrade")
            self.end_headers()
            while piece := self.request.recv(100):
                self.request.sendall(piece)
            self.close_connection = True
            return
        self.answer(json.dumps(dict(self.headers)).encode())

    def do_POST(self):
        with pathlib.Path("/var/log/test-posted").open("ab") as kept:
            kept.write(self.rfile.read(int(self.headers["Content-Length"])) + b"\n")
        self.answer(b"")

    def answer(self, body):
        self.send_response(200)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *arguments):
        pass


http.server.ThreadingHTTPServer(("127.0.0.1", 8000), Hub).serve_forever()
