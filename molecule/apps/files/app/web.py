"""Counts visits in PostgreSQL and Redis, and shows the text of a mounted file: stands for any small web app."""

import http.server
import json
import os
from pathlib import Path

import psycopg2
import redis


class Handler(http.server.BaseHTTPRequestHandler):
    def do_GET(self):
        if self.path == "/broken":
            self.send_error(500)
            return
        password = Path(os.environ["PASSWORD_FILE"]).read_text()
        connection = psycopg2.connect(host="database", user="postgres", password=password, dbname="postgres")
        with connection, connection.cursor() as cursor:
            cursor.execute("CREATE TABLE IF NOT EXISTS visits (at timestamptz DEFAULT now())")
            cursor.execute("INSERT INTO visits DEFAULT VALUES")
            cursor.execute("SELECT count(*) FROM visits")
            visits = cursor.fetchone()[0]
        connection.close()
        cache = redis.Redis(host="cache")
        body = {
            "visits": visits,
            "cached": cache.incr("visits"),
            "text": Path("/app/conf/site.txt").read_text(),
            "greeting": os.environ.get("GREETING", ""),
        }
        data = json.dumps(body).encode()
        self.send_response(200)
        self.end_headers()
        self.wfile.write(data)

    def log_message(self, *args):
        pass


http.server.ThreadingHTTPServer(("", 8080), Handler).serve_forever()
