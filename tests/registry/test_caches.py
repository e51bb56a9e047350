# Copyright (c) 2026, The labserver.jupyter authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Caches of other registries: what a whole course costs upstream, and what they say when something is wrong there."""

from __future__ import annotations

import http.client
import json
import os
import subprocess
import time
import typing as t
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import images
import pytest
from cache_server import Caches, CountingRegistry
from fault_proxy import FaultProxy
from front_server import BASIC, Front
from registry_server import RegistryServer, free_port

HUB = "docker.io"
BIG = images.image("big", layers=("x" * 2_000_000, "y"))


@pytest.fixture
def upstream(tmp_path: Path) -> t.Iterator[CountingRegistry]:
    folder = tmp_path / "upstream"
    folder.mkdir()
    with CountingRegistry(folder) as server:
        images.Registry(server.url).push("library/big", BIG, "1")
        server.log.write_text("")
        yield server


def forgetful(tmp_path: Path, upstream: CountingRegistry) -> Caches:
    """Caches that ask again after a second what a tag means."""
    caches = Caches(tmp_path / "caches", {HUB: upstream.url})
    text = (caches.folder / "nginx.conf").read_text()
    (caches.folder / "nginx.conf").write_text(text.replace("proxy_cache_valid 200 10m", "proxy_cache_valid 200 1s"))
    return caches


def asked_again(caches: Caches) -> str:
    """Ask for a tag until the answer is no longer the kept one; return what became of the kept one."""
    while True:
        state = images.Registry(caches.url).call("GET", "/v2/library/big/manifests/1")[1]["x-cache"]
        if state != "HIT":
            return state
        time.sleep(0.1)


def test_thirty_pulls_at_once_cost_one_request_a_blob(upstream: CountingRegistry, tmp_path: Path) -> None:
    with Caches(tmp_path / "caches", {HUB: upstream.url}) as caches:
        with ThreadPoolExecutor(30) as threads:
            pulled = list(threads.map(lambda _number: caches.pull("library/big", "1"), range(30)))
        assert pulled == [BIG.everything()] * 30
        asked = upstream.asked()
        wanted = {("GET", f"/v2/library/big/blobs/{images.sha256(blob)}") for blob in BIG.blobs}
        wanted.add(("GET", "/v2/library/big/manifests/1"))
        assert asked == dict.fromkeys(wanted, 1)


def test_what_is_kept_is_served_while_the_upstream_is_away_and_after_a_power_failure(
    upstream: CountingRegistry, tmp_path: Path
) -> None:
    caches = forgetful(tmp_path, upstream)
    caches.__enter__()
    caches.pull("library/big", "1")
    upstream.stop()
    caches.kill()
    with caches:
        assert asked_again(caches) == "STALE"
        assert caches.pull("library/big", "1") == BIG.everything()
        status, _headers, body = images.Registry(caches.url).call("GET", "/v2/library/other/manifests/1")
        assert status == 502
        assert "cannot be reached: [Errno 111] Connection refused" in json.loads(body)["errors"][0]["message"]
        status, said = caches.check()
        assert status == 1 and said.startswith(f"{HUB}: {upstream.url} cannot be reached: ")
        upstream.start()
        assert caches.check() == (0, "")


def test_a_tag_that_moved_is_seen_and_one_that_did_not_costs_no_pull(
    upstream: CountingRegistry, tmp_path: Path
) -> None:
    with forgetful(tmp_path, upstream) as caches:
        caches.pull("library/big", "1")
        upstream.log.write_text("")
        assert asked_again(caches) == "REVALIDATED"
        assert upstream.asked() == {("HEAD", "/v2/library/big/manifests/1"): 1}
        newer = images.image("newer", layers=("z",))
        images.Registry(upstream.url).push("library/big", newer, "1")
        assert asked_again(caches) == "EXPIRED"
        assert caches.pull("library/big", "1") == newer.everything()


@pytest.mark.parametrize("damage", ["truncate", "garbage"])
def test_a_damaged_layer_is_not_kept(upstream: CountingRegistry, tmp_path: Path, damage: str) -> None:
    """Nobody gets it as whole, and the next pull fetches it anew."""
    layer = images.sha256(BIG.blobs[1])
    faults = [f"/blobs/{layer}"]

    def fault(_method: str, path: str, _number: int) -> object:
        return damage if faults and path.endswith(faults[0]) and faults.pop() else None

    with FaultProxy(upstream.url, fault) as proxy, Caches(tmp_path / "caches", {HUB: proxy.url}) as caches:
        with pytest.raises((http.client.IncompleteRead, OSError)):
            caches.pull("library/big", "1")
        assert faults == []
        assert caches.pull("library/big", "1") == BIG.everything()
        assert f"{layer} arrived damaged or not whole" in caches.log.read_text()


def test_a_wrong_upstream_is_named(tmp_path: Path) -> None:
    with FaultProxy("http://127.0.0.1:9", lambda *_request: 404) as page:
        wrong = {"docker.io": page.url, "away.example": "http://nowhere.invalid"}
        with Caches(tmp_path / "caches", wrong) as caches:
            status, said = caches.check()
            assert status == 1
            assert (
                f"docker.io: {page.url} does not answer like an image registry, but with 404; give the address" in said
            )
            assert "away.example: http://nowhere.invalid cannot be reached: its name is not known here" in said


def test_an_upstream_that_asks_for_a_login_is_named_and_gets_the_one_it_wants(tmp_path: Path) -> None:
    folder = tmp_path / "upstream"
    folder.mkdir()
    subprocess.run(["htpasswd", "-Bbc", folder / "users", "lab", "p@ss"], check=True)
    extra = f"auth: {{htpasswd: {{realm: upstream, path: {folder / 'users'}}}}}"
    with RegistryServer(folder, extra=extra) as server, Caches(tmp_path / "caches", {HUB: server.url}) as caches:
        status, said = caches.check()
        assert status == 1 and f"{server.url} asks for a login" in said and "registry_caches (name=docker.io)" in said
        status, _headers, body = images.Registry(caches.url).call("GET", "/v2/library/x/manifests/1")
        assert (status, json.loads(body)["errors"][0]["code"]) == (403, "DENIED")
        settings = json.loads((caches.folder / "caches.json").read_text())
        for password, expected in (("wrong", "refuses the login of 'lab'"), ("p@ss", "")):
            settings["caches"][0] |= {"username": "lab", "password": password}
            (caches.folder / "caches.json").write_text(json.dumps(settings))
            status, said = caches.check()
            assert (status, expected in said) == (1 if expected else 0, True), said
            assert "p@ss" not in said and "wrong" not in said


def test_a_proxy_that_asks_for_a_login_is_named(tmp_path: Path) -> None:
    with FaultProxy("http://127.0.0.1:9", lambda *_request: 407) as proxy:
        outgoing = {"http_proxy": proxy.url, "no_proxy": "localhost"}
        with Caches(tmp_path / "caches", {HUB: "http://registry.example.org"}, environment=outgoing) as caches:
            status, said = caches.check()
            assert status == 1
            assert "the proxy on the way out asks for a login, or refuses the one it gets (407)" in said


def test_a_full_disk_passes_images_on_and_says_so(upstream: CountingRegistry, tmp_path: Path) -> None:
    if os.geteuid() != 0:
        pytest.skip("needs root to mount a small file system")
    disk = tmp_path / "caches" / "kept"
    disk.mkdir(parents=True)
    subprocess.run(["mount", "-t", "tmpfs", "-o", "size=12m", "tmpfs", disk], check=True)
    try:
        with Caches(tmp_path / "caches", {HUB: upstream.url}, min_free=2**22) as caches:
            assert caches.check() == (0, "")
            (disk / "of somebody else").write_bytes(bytes(11 * 2**20))
            status, said = caches.check()
            assert status == 1 and "has less than 2 MiB left: what is pulled is passed on and not kept" in said
            for _again in range(2):
                assert caches.pull("library/big", "1") == BIG.everything()
            assert upstream.asked()["GET", f"/v2/library/big/blobs/{images.sha256(BIG.blobs[1])}"] == 2
            (disk / "of somebody else").unlink()
            for _again in range(2):
                assert caches.pull("library/big", "1") == BIG.everything()
            assert upstream.asked()["GET", f"/v2/library/big/blobs/{images.sha256(BIG.blobs[1])}"] == 3
    finally:
        subprocess.run(["umount", "--lazy", disk], check=True)


def test_an_upstream_without_an_answer_hides_no_other(tmp_path: Path) -> None:
    with Caches(tmp_path / "caches", {HUB: f"http://127.0.0.1:{free_port()}"}) as caches:
        assert images.Registry(caches.url).call("GET", "/v2/")[0] == 200
        for path in ("/v2/library/x/manifests/..", "/v2/_catalog", "/v2/library/x/blobs/uploads/"):
            assert images.Registry(caches.url).call("GET", path)[0] in (400, 404), path
        assert images.Registry(caches.url).call("POST", "/v2/library/x/blobs/uploads/")[0] in (403, 404)


def test_the_front_hands_a_cache_to_those_who_may_read_and_to_nobody_else(
    upstream: CountingRegistry, tmp_path: Path
) -> None:
    """As for other hosts of the lab: below the name of the cache, with the login of the lab's registry."""
    tmp_path.chmod(0o755)
    with Caches(tmp_path / "caches", {"quay.io": upstream.url}) as caches:
        folder = tmp_path / "front"
        folder.mkdir()
        front = Front(folder, caches={"quay.io": caches.run})
        try:
            front.wait()
            assert images.Registry(front.url).call("GET", "/v2/quay.io/library/big/manifests/1")[0] == 401
            reader = images.Registry(front.url, BASIC)
            assert reader.pull("quay.io/library/big", "1") == BIG.everything()
            status, _headers, body = reader.call("POST", "/v2/quay.io/library/big/blobs/uploads/", b"")
            assert status == 405 and "quay.io is the name of a cache of this lab" in body.decode()
            assert reader.call("GET", "/v2/quayXio/library/big/manifests/1")[0] == 404
            # Docker Hub's cache alone answers without a name in front.
            assert images.Registry(caches.url).call("GET", "/v2/library/big/manifests/1")[0] == 404
            caches.__exit__()
            status, _headers, body = reader.call("GET", "/v2/quay.io/library/big/manifests/1")
            assert status == 503 and "the cache of quay.io does not run on this lab server" in body.decode()
            own = images.image("own", layers=("own",))
            reader.push("lab/own", own, "1")
            assert reader.pull("lab/own", "1") == own.everything()
        finally:
            front.process.terminate()
            front.process.wait(20)
            caches.__enter__()
