# Copyright (c) 2026, The labserver.jupyter authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The client against a real registry."""

from __future__ import annotations

import json
import subprocess
import time
import urllib.request
from pathlib import Path

import pytest
import token_server
from ansible_collections.labserver.jupyter.plugins.module_utils._registry import client, protocol
from ansible_collections.labserver.jupyter.plugins.module_utils._registry.api import probe
from ansible_collections.labserver.jupyter.plugins.module_utils._registry.cache import Cache
from ansible_collections.labserver.jupyter.plugins.module_utils._registry.policy import Policy
from ansible_collections.labserver.jupyter.plugins.module_utils._registry.prune import World, converge
from ansible_collections.labserver.jupyter.plugins.module_utils._registry.wanted import Desired
from registry_server import RegistryServer

CONFIG = b'{"created": "2026-01-02T03:04:05Z", "os": "linux", "architecture": "amd64"}'


def image(config_digest: str, size: int, note: str = "") -> bytes:
    return json.dumps(
        {
            "schemaVersion": 2,
            "mediaType": protocol.OCI_MANIFEST,
            "config": {"mediaType": "application/vnd.oci.image.config.v1+json", "digest": config_digest, "size": size},
            "layers": [],
            "annotations": {"note": note},
        }
    ).encode()


def test_reads_what_was_pushed(server: RegistryServer) -> None:
    with client.RegistryClient(server.url) as registry:
        assert registry.repositories() == []
        assert registry.tags("lab/notebook") == []
        digest = registry.put_blob("lab/notebook", CONFIG)
        body = image(digest, len(CONFIG))
        registry.put_manifest("lab/notebook", "1.0", body, protocol.OCI_MANIFEST)

        assert registry.repositories() == ["lab/notebook"]
        assert registry.tags("lab/notebook") == ["1.0"]
        manifest = registry.manifest("lab/notebook", "1.0")
        assert (manifest.body, manifest.media_type) == (body, protocol.OCI_MANIFEST)
        assert registry.digest("lab/notebook", "1.0") == manifest.digest
        assert registry.digest("lab/notebook", "2.0") is None
        assert registry.blob_json("lab/notebook", digest)["os"] == "linux"
        assert registry.blob_size("lab/notebook", digest) == len(CONFIG)
        assert registry.delete_manifest("lab/notebook", manifest.digest) is True
        assert registry.delete_manifest("lab/notebook", manifest.digest) is False
        assert registry.tags("lab/notebook") == []


def test_follows_the_pages_of_a_long_catalogue(server: RegistryServer) -> None:
    names = [f"many/r{number:04}" for number in range(1100)]
    folder = server.store / "docker/registry/v2/repositories/many"
    for name in names:
        for part in ("_layers", "_manifests/tags"):  # 2.8 and 3.x look for different ones
            (folder / name.partition("/")[2] / part).mkdir(parents=True)
    with urllib.request.urlopen(server.url + "/v2/_catalog?n=1000") as answer:
        assert "rel=" in answer.headers["Link"], "the registry should have paged here"
    with client.RegistryClient(server.url) as registry:
        assert registry.repositories() == names


def test_lists_all_of_many_tags(server: RegistryServer) -> None:
    """2.8 lists them in one answer; 3.1 in pages, with a Link to the next one."""
    names = [f"t{number:04}" for number in range(1100)]
    for name in names:
        folder = server.store / f"docker/registry/v2/repositories/lab/many/_manifests/tags/{name}/current"
        folder.mkdir(parents=True)
        (folder / "link").write_text("sha256:" + 64 * "0")
    with client.RegistryClient(server.url) as registry:
        assert registry.tags("lab/many") == names


def test_says_what_the_registry_said(server: RegistryServer) -> None:
    with client.RegistryClient(server.url, retries=0) as registry:
        with pytest.raises(protocol.RegistryError, match="404 MANIFEST_UNKNOWN") as caught:
            registry.manifest("lab/notebook", "1.0")
        assert caught.value.status == 404


def certificate(folder: Path) -> tuple[Path, Path]:
    """A self-signed certificate for 127.0.0.1 and its key."""
    name = "-subj /CN=127.0.0.1 -addext subjectAltName=IP:127.0.0.1"
    command = f"openssl req -x509 -newkey rsa:2048 -nodes -days 2 -keyout key -out crt {name}"
    subprocess.run(command.split(), cwd=folder, check=True, capture_output=True)
    return folder / "crt", folder / "key"


def test_basic_password_and_an_own_ca(tmp_path: Path) -> None:
    """The registry's own htpasswd and TLS, with a certificate that only the lab's CA knows."""
    tls = certificate(tmp_path)
    users = ["htpasswd", "-Bbc", "users", "mira", "secret"]
    subprocess.run(users, cwd=tmp_path, check=True, capture_output=True)
    auth = f"auth: {{htpasswd: {{realm: lab, path: {tmp_path}/users}}}}\n"
    with RegistryServer(tmp_path, extra=auth, tls=tls) as server:
        good = {"username": "mira", "password": "secret", "ca_file": str(tmp_path / "crt"), "retries": 0}
        with client.RegistryClient(server.url, **good) as registry:
            registry.ping()
            assert registry.put_blob("lab/x", b"{}")
        for change, message in (
            ({"password": "wrong"}, "401"),
            ({"username": None}, "401"),
            ({"ca_file": None}, "CERTIFICATE_VERIFY_FAILED"),
        ):
            registry = client.RegistryClient(server.url, **{**good, **change})
            with registry, pytest.raises(protocol.RegistryError, match=message):
                registry.ping()
        with client.RegistryClient(server.url, **{**good, "ca_file": None, "verify_tls": False}) as registry:
            registry.ping()


def test_bearer_tokens_of_a_registry_that_checks_them(tmp_path: Path) -> None:
    """Distribution's token authentication: it verifies signature, service, issuer, time and scope of each token."""
    crt, key = certificate(tmp_path)
    users = {"mira": ("secret", token_server.ALL), "ravi": ("secret", {"pull"})}
    with (
        token_server.TokenServer(key, crt, users) as tokens,
        RegistryServer(tmp_path, extra=tokens.config(crt)) as server,
    ):
        with client.RegistryClient(server.url, username="mira", password="secret", retries=0) as mira:
            for name in ("lab/one", "lab/two"):
                digest = mira.put_blob(name, CONFIG)
                for tag in ("1", "2", "3"):
                    mira.put_manifest(name, tag, image(digest, len(CONFIG), tag), protocol.OCI_MANIFEST)
            assert mira.repositories() == ["lab/one", "lab/two"]
            tokens.given.clear()
            desired = Desired([Policy(keep_last=1, order="name", min_age=0)])
            result = converge(World(mira, Cache()), desired)
            assert (result.abilities.problem, result.deleted.error, result.broken) == ("", "", [])
            assert (mira.tags("lab/one"), mira.tags("lab/two")) == (["3"], ["3"])
            # A token for each repository and kind of access, not one for each request.
            scopes = {scope for _user, asked in tokens.given for scope in asked}
            assert {"repository:lab/one:delete", "repository:lab/two:delete"} <= scopes
            assert len(tokens.given) < 12 < result.requests
        with client.RegistryClient(server.url, username="ravi", password="secret", retries=0) as ravi:
            assert ravi.manifest("lab/one", "3").body == image(digest, len(CONFIG), "3")
            with pytest.raises(protocol.RegistryError, match="401"):
                ravi.put_blob("lab/one", b"{ }")
            assert "may not delete in lab/one: 401" in probe(ravi, "lab/one").problem
        stranger = client.RegistryClient(server.url, username="ravi", password="wrong", retries=0)
        with stranger, pytest.raises(protocol.RegistryError, match=r"/token: 401"):
            stranger.tags("lab/one")


def test_a_token_that_ran_out_is_renewed(tmp_path: Path) -> None:
    crt, key = certificate(tmp_path)
    with (
        token_server.TokenServer(key, crt, {"mira": ("secret", token_server.ALL)}, lifetime=2) as tokens,
        RegistryServer(tmp_path, extra=tokens.config(crt)) as server,
        client.RegistryClient(server.url, username="mira", password="secret", retries=0) as registry,
    ):
        assert registry.tags("lab/one") == registry.tags("lab/one") == []
        before = len(tokens.given)
        time.sleep(2)
        assert registry.tags("lab/one") == []
        assert len(tokens.given) == before + 1
