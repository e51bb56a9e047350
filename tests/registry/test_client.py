# Copyright (c) 2026, The labserver.jupyter authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The client against a real registry."""

from __future__ import annotations

import functools
import json
import subprocess
import urllib.request
from pathlib import Path

import pytest
from ansible_collections.labserver.jupyter.plugins.module_utils import _registry_client as client
from registry_server import RegistryServer


def image(config_digest: str, size: int, note: str = "") -> bytes:
    return json.dumps(
        {
            "schemaVersion": 2,
            "mediaType": client.OCI_MANIFEST,
            "config": {"mediaType": "application/vnd.oci.image.config.v1+json", "digest": config_digest, "size": size},
            "layers": [],
            "annotations": {"note": note},
        }
    ).encode()


def test_reads_what_was_pushed(server: RegistryServer) -> None:
    with client.RegistryClient(server.url) as registry:
        assert registry.repositories() == []
        assert registry.tags("lab/notebook") == []
        config = b'{"created": "2026-01-02T03:04:05Z", "os": "linux", "architecture": "amd64"}'
        digest = registry.put_blob("lab/notebook", config)
        body = image(digest, len(config))
        registry.put_manifest("lab/notebook", "1.0", body, client.OCI_MANIFEST)

        assert registry.repositories() == ["lab/notebook"]
        assert registry.tags("lab/notebook") == ["1.0"]
        manifest = registry.manifest("lab/notebook", "1.0")
        assert (manifest.body, manifest.media_type) == (body, client.OCI_MANIFEST)
        assert registry.digest("lab/notebook", "1.0") == manifest.digest
        assert registry.digest("lab/notebook", "2.0") is None
        assert registry.blob_json("lab/notebook", digest)["os"] == "linux"
        assert registry.blob_size("lab/notebook", digest) == len(config)
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


def test_says_what_the_registry_said(server: RegistryServer) -> None:
    with client.RegistryClient(server.url, retries=0) as registry:
        with pytest.raises(client.RegistryError, match="404 MANIFEST_UNKNOWN") as caught:
            registry.manifest("lab/notebook", "1.0")
        assert caught.value.status == 404


def test_basic_password_and_an_own_ca(tmp_path: Path) -> None:
    """The registry's own htpasswd and TLS, with a certificate that only the lab's CA knows."""
    run = functools.partial(subprocess.run, cwd=tmp_path, check=True, capture_output=True)
    name = "-subj /CN=127.0.0.1 -addext subjectAltName=IP:127.0.0.1"
    run(
        [
            "openssl",
            "req",
            "-x509",
            "-newkey",
            "rsa:2048",
            "-nodes",
            "-days",
            "2",
            "-keyout",
            "key",
            "-out",
            "crt",
            *name.split(),
        ]
    )
    run(["htpasswd", "-Bbc", "users", "mira", "secret"])
    auth = f"auth: {{htpasswd: {{realm: lab, path: {tmp_path}/users}}}}\n"
    with RegistryServer(tmp_path, extra=auth, tls=(tmp_path / "crt", tmp_path / "key")) as server:
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
            with registry, pytest.raises(client.RegistryError, match=message):
                registry.ping()
        with client.RegistryClient(server.url, **{**good, "ca_file": None, "verify_tls": False}) as registry:
            registry.ping()
