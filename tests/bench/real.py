# Copyright (c) 2026, The labserver.jupyter authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What a lab server costs on a kernel of its own (cgroup v2), beside the same work done by hand there.

    export PYTHONPATH=tests/support LABSERVER_MACHINE=real
    python -m machines up && python -m machines inside python tests/bench/real.py; python -m machines down

Prints Markdown: site.yml for the first time and again, a start of a server, many people at once. By hand is one shell
script on the host with what takes the time: an engine, a registry, an image pushed into it, three containers, a
certificate that the host trusts. Seconds are those of user-mode Linux, so the ratios are the message.
"""

from __future__ import annotations

import argparse
import json
import statistics
import subprocess
import sys
import time
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "support"))
import own_lab
from hub_client import HubClient
from machines import guest
from own_lab import FOLDER, INVENTORY, OWN, SERVER, out
from spawn import PLAIN

HAND = r"""
set -e
reference() { docker image ls --format '{{.Repository}}:{{.Tag}}' "$1" | head -n 1; }
groupadd hand
for name in hand1 hand2; do useradd -m -b /srv -G hand $name; done
mkdir -p /srv/hand/store
openssl req -x509 -newkey rsa:2048 -nodes -days 9 -subj /CN=hand -keyout /srv/hand/key.pem \
  -out /srv/hand/cert.pem 2>/dev/null
cp /srv/hand/cert.pem /usr/local/share/ca-certificates/hand.crt
update-ca-certificates >/dev/null
printf 'server { listen 127.0.0.1:8444 ssl; %s /srv/hand/cert.pem; %s /srv/hand/key.pem; }\n' \
  ssl_certificate ssl_certificate_key > /etc/nginx/conf.d/hand.conf
systemctl reload nginx
printf 'version: 0.1\nstorage: {filesystem: {rootdirectory: /store}}\nhttp: {addr: ":5999"}\n' > /srv/hand/config.yml
systemctl restart docker
docker network create hand >/dev/null
docker run -d --name hand-registry -p 127.0.0.1:5999:5999 -v /srv/hand/store:/store \
  -v /srv/hand/config.yml:/config.yml:ro --user 0 --entrypoint docker-registry \
  "$(reference labserver/registry)" serve /config.yml >/dev/null
for number in 1 2 3; do
  docker run -d --name hand-$number --network hand --entrypoint sleep "$(reference labserver/hub)" 600 >/dev/null
done
docker tag "$(reference labserver/notebook/latest)" 127.0.0.1:5999/notebook:hand
docker push -q 127.0.0.1:5999/notebook:hand >/dev/null
"""
TIDY = r"""
docker rm -f hand-registry hand-1 hand-2 hand-3; docker rmi 127.0.0.1:5999/notebook:hand; docker network rm hand
rm -rf /srv/hand /etc/nginx/conf.d/hand.conf /usr/local/share/ca-certificates/hand.crt
update-ca-certificates; systemctl reload nginx; userdel -r hand1; userdel -r hand2; groupdel hand
"""
LOOP = "groupadd many; for n in $(seq {count}); do useradd -m -b /srv -G many many$n; done"
UNLOOP = "for n in $(seq {count}); do userdel -r many$n; done 2>/dev/null; groupdel many"


def seconds_of(command: str) -> float:
    """Run a script as root on the server; return its seconds."""
    began = time.monotonic()
    out(command, 3600)
    return time.monotonic() - began


def site() -> float:
    """Run site.yml; return its seconds."""
    began = time.monotonic()
    own_lab.play("bench", "playbooks/site.yml")
    return time.monotonic() - began


def starts(times: int) -> tuple[float, float]:
    """Start servers by hand and by the hub, by turns; return the medians. The first of each is not counted."""
    reference = out("docker image ls --format '{{.Repository}}:{{.Tag}}' labserver/notebook/latest").splitlines()[0]
    client = own_lab.person("bob")
    plain, ours = [], []
    for _ in range(times + 1):
        if client.server() is not None:
            client.stop()
        said = subprocess.run(
            guest.ssh("python3", "-", reference), input=PLAIN, capture_output=True, text=True, check=True
        )
        plain.append(float(said.stdout))
        ours.append(start(client))
    client.stop()
    return statistics.median(plain[1:]), statistics.median(ours[1:])


def start(client: HubClient) -> float:
    """Start a person's server; return the seconds until it answers."""
    began = time.monotonic()
    client.start((client.images() or [None])[0])  # type: ignore[list-item]
    client.wait_ready(own_lab.START_SECONDS + 60)
    assert "version" in client.get(f"/user/{client.name}/api").text
    return time.monotonic() - began


def accounts(count: int) -> tuple[float, float]:
    """Make many people by a loop of useradd and by the module; return the seconds of both."""
    plain = seconds_of(LOOP.format(count=count))
    out(UNLOOP.format(count=count), 3600)
    people = [{"name": name} for name in OWN] + [{"name": f"many{number}"} for number in range(count)]
    given = json.dumps({"users": people, "unlisted": "keep"})
    command = ["ansible", "-i", str(INVENTORY), SERVER, "--become", "-m", "labserver.jupyter.accounts", "-a", given]
    began = time.monotonic()
    done = subprocess.run(command, env=own_lab.environment(), capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout[-2000:] + done.stderr[-2000:]
    return plain, time.monotonic() - began


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--first", type=float, help="seconds of a first run that was measured before")
    parser.add_argument("--starts", type=int, default=4, help="starts of a server that count (default: 4)")
    parser.add_argument("--people", type=int, default=100, help="how many people at once (default: 100)")
    arguments = parser.parse_args()
    if not FOLDER.exists():
        own_lab.prepare()
    first = arguments.first or site()
    again = site()
    out(TIDY + "true", 900)
    hand = seconds_of(HAND)
    out(TIDY + "true", 900)
    nothing = statistics.median(seconds_of("true") for _ in range(5))
    print("| what | by hand | by the collection | ratio |\n|---|---|---|---|", flush=True)
    print(f"| `site.yml`, first run | {hand:.0f} | {first:.0f} | {first / hand:.1f} |")
    print(f"| `site.yml` again (by hand: one command over ssh) | {nothing:.1f} | {again:.0f} | |", flush=True)
    plain, ours = starts(arguments.starts)
    print(
        f"| start of a server, median of {arguments.starts} | {plain:.1f} | {ours:.1f} | {ours / plain:.1f} |",
        flush=True,
    )
    plain, ours = accounts(arguments.people)
    print(f"| {arguments.people} new people | {plain:.1f} | {ours:.1f} | {ours / plain:.2f} |")


if __name__ == "__main__":
    main()
