# Copyright (c) 2026, The labserver.jupyter authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Run inside an image, behind jupyter-server-proxy: an app that does what RStudio, Streamlit and the like do.

It has a form that is sent, takes large bodies, speaks over a websocket, and computes when it is asked to. Usage:
app.py PORT
"""

import sys
import threading
import time

import tornado.ioloop
import tornado.web
import tornado.websocket

PAGE = """<!doctype html><title>App</title>
<form method=post action="form"><input name=number value=21><button id=send>Send</button></form>"""


class Page(tornado.web.RequestHandler):
    def get(self):
        self.set_cookie("app_session", "of-the-app")
        self.write(PAGE)


class Form(tornado.web.RequestHandler):
    def post(self):
        double = 2 * int(self.get_body_argument("number"))
        self.redirect(f"result?value={double}&session={self.get_cookie('app_session', 'none')}", status=303)


class Result(tornado.web.RequestHandler):
    def get(self):
        self.write(f"<p id=result>{self.get_argument('value')} {self.get_argument('session')}</p>")


class Body(tornado.web.RequestHandler):
    def post(self):
        self.write({"bytes": len(self.request.body), "method": self.request.method})

    put = patch = delete = post


class Work(tornado.web.RequestHandler):
    """Computes for so many seconds, on a fifth of a core, and says whether it still does."""

    until = 0.0

    def post(self):
        Work.until = time.monotonic() + float(self.get_body_argument("seconds"))
        threading.Thread(target=self.compute, daemon=True).start()

    def get(self):
        self.write({"working": time.monotonic() < Work.until})

    def compute(self):
        while time.monotonic() < Work.until:
            began = time.thread_time()
            while time.thread_time() < began + 0.02:
                pass
            time.sleep(0.08)


class Echo(tornado.websocket.WebSocketHandler):
    def on_message(self, message):
        self.write_message(message, binary=isinstance(message, bytes))


app = tornado.web.Application(
    [("/", Page), ("/form", Form), ("/result", Result), ("/body", Body), ("/work", Work), ("/echo", Echo)]
)
app.listen(int(sys.argv[1]), "127.0.0.1", max_buffer_size=1 << 30)
tornado.ioloop.IOLoop.current().start()
