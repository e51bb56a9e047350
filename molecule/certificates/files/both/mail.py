"""A mail server that takes everything and keeps it in /var/log/test-mail, the passwords excepted."""

import pathlib
import socketserver


class Smtp(socketserver.StreamRequestHandler):
    def handle(self):
        self.wfile.write(b"220 test\r\n")
        with pathlib.Path("/var/log/test-mail").open("ab") as kept:
            while line := self.rfile.readline().strip():
                word = line.split()[0].upper()
                if word == b"DATA":
                    self.wfile.write(b"354 go\r\n")
                    while (text := self.rfile.readline()).strip() != b".":
                        kept.write(text)
                answers = {
                    b"EHLO": b"250-test\r\n250 AUTH PLAIN\r\n",
                    b"AUTH": b"235 well\r\n",
                    b"QUIT": b"221 bye\r\n",
                }
                self.wfile.write(answers.get(word, b"250 ok\r\n"))


socketserver.ThreadingTCPServer.allow_reuse_address = True
socketserver.ThreadingTCPServer(("127.0.0.1", 8025), Smtp).serve_forever()
