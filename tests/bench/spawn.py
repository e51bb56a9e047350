# Copyright (c) 2026, The labserver.jupyter authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""How long a start through the hub takes, against a plain ``docker run`` of the same image until its server answers.

usage: spawn.py HOST BASE NAME PASSWORD [--rounds N]

HOST is the container that plays the lab server (``docker exec`` reaches it), BASE the hub's address, NAME a person with
a password of their own. Both ways take turns in one run, so that other work on the machine disturbs both alike. Also
measured: the guard's own share of a start, and the hub's memory.
"""

from __future__ import annotations

import argparse
import statistics
import subprocess
import sys
import time
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "support"))
from hub_client import HubClient

PLAIN = r"""
set -eu
image=$(sed -n 's/.*"reference": "\([^"]*notebook@[^"]*\)".*/\1/p' /var/lib/labserver/catalogue/images.json | head -n 1)
docker rm -f bench-plain >/dev/null 2>&1 || true
began=$(date +%s.%N)
docker run -d --name bench-plain --user 20001:20001 -e HOME=/tmp --cap-drop ALL --init "$image" \
  jupyter-lab --ip=0.0.0.0 --port=8888 --no-browser --IdentityProvider.token= >/dev/null
address=$(docker inspect --format '{{range .NetworkSettings.Networks}}{{.IPAddress}}{{end}}' bench-plain)
python3 - "$address" "$began" <<'PY'
import sys, time, urllib.request
while True:
    try:
        urllib.request.urlopen(f"http://{sys.argv[1]}:8888/api", timeout=2)
        break
    except OSError:
        time.sleep(0.05)
print(time.time() - float(sys.argv[2]))
PY
docker rm -f bench-plain >/dev/null
"""

GUARD = r"""
python3 - <<'PY'
import http.client, socket, statistics, time

class Unix(http.client.HTTPConnection):
    def __init__(self, path):
        super().__init__("docker"); self.path = path
    def connect(self):
        self.sock = socket.socket(socket.AF_UNIX); self.sock.connect(self.path)

def ask(path):
    began = time.perf_counter()
    connection = Unix(path); connection.request("GET", "/version"); connection.getresponse().read()
    return time.perf_counter() - began

direct = statistics.median(ask("/var/run/docker.sock") for _ in range(50))
guarded = statistics.median(ask("/var/lib/labserver/hub-guard/docker.sock") for _ in range(50))
print((guarded - direct) * 1000)
PY
"""
CALLS_PER_START = 9
"""Calls of one start through the guard: version, shares, inspect (4), create, start, and the look into its state."""


def sh(host: str, script: str) -> str:
    """Run a script on the lab server."""
    return subprocess.run(
        ["docker", "exec", "-i", host, "sh"], input=script, capture_output=True, text=True, check=True
    ).stdout.strip()


def main() -> int:
    """Measure and print a table."""
    parser = argparse.ArgumentParser(description=__doc__)
    for name in ("host", "base", "name", "password"):
        parser.add_argument(name)
    parser.add_argument("--rounds", type=int, default=10)
    arguments = parser.parse_args()
    person = HubClient(arguments.base, arguments.name)
    assert person.login(arguments.password).status_code == 302
    if person.server() is not None:
        person.stop()
    hub, plain = [], []
    for _ in range(arguments.rounds):
        plain.append(float(sh(arguments.host, PLAIN)))
        began = time.monotonic()
        person.start()
        while not (person.server() or {}).get("ready"):
            time.sleep(0.05)
        hub.append(time.monotonic() - began)
        person.stop()
    memory = sh(
        arguments.host,
        "pid=$(pgrep -f 'python -m labhub.app' | tail -n 1); awk '/VmRSS/ {print $2 / 1024}' /proc/$pid/status",
    )
    guard = float(sh(arguments.host, GUARD))
    for name, values in (("docker run", plain), ("hub", hub)):
        ordered = sorted(values)
        p50, p95 = statistics.median(values), ordered[int(len(ordered) * 0.95)]
        print(f"{name:12} n={len(values)} p50 {p50:.2f} s  p95 {p95:.2f} s")
    middle = statistics.median(plain)
    limit = 1.3 * middle + 1
    print(f"hub p50 is {statistics.median(hub) / middle:.2f} times docker run; allowed: {limit:.2f} s")
    print(
        f"guard: {guard:.2f} ms a call, {guard * CALLS_PER_START:.1f} ms a start; hub's memory {float(memory):.0f} MB"
    )
    return 0 if statistics.median(hub) <= limit else 1


if __name__ == "__main__":
    sys.exit(main())
