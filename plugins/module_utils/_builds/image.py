# Copyright (c) 2026, The labserver.jupyter authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The image of a build: that of the lab it was made on, with one layer and a few labels more."""

from __future__ import annotations

import json
import os
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import IO, Any

from .._common.labels import PREFIX
from .._registry.client import RegistryClient
from .._registry.manifest import IMAGE, INDEX, parse
from .._registry.protocol import DOCKER_MANIFEST, OCI_MANIFEST, RawManifest, RegistryError
from . import upload

SHARE = "opt/lab/.jupyter"
"""Where an image's Jupyter looks before its own places. The job alone writes there: what lies in such a folder may also
be an extension, which runs in the browser of whoever opens the page, with their rights at the hub."""
LAYER_TYPES = {
    OCI_MANIFEST: "application/vnd.oci.image.layer.v1.tar+gzip",
    DOCKER_MANIFEST: "application/vnd.docker.image.rootfs.diff.tar.gzip",
}
MACHINES = {"x86_64": "amd64", "aarch64": "arm64"}
DROPPED = ("org.opencontainers.image.title", "org.opencontainers.image.description")
"""Labels of the base that would say of the new image what is true of the base."""


class BaseError(Exception):
    """The image below cannot be built on; the text says why."""


@dataclass(frozen=True)
class Wanted:
    """An image to be made: where it belongs, on which, for which group, and what its labels say of it."""

    repository: str
    tag: str
    base_repository: str
    base_digest: str
    group: str
    name: str
    owner: str
    source: str
    created: str

    @property
    def root(self) -> str:
        """The folder of the environment in the image."""
        return f"opt/lab/{self.name}"


def kernel(wanted: Wanted) -> dict[str, bytes]:
    """Return the files by which Jupyter finds the environment: path -> content."""
    root = f"/{wanted.root}"
    spec = {
        "argv": [f"{root}/bin/python", "-m", "ipykernel_launcher", "-f", "{connection_file}"],
        "display_name": f"Python 3 ({wanted.name})",
        "language": "python",
        "env": {"PATH": f"{root}/bin:${{PATH}}", "VIRTUAL_ENV": root},
        "metadata": {"debugger": True},
    }
    # By this name notebooks ask for Python, so those that are there open with it.
    return {f"{SHARE}/kernels/python3/kernel.json": (json.dumps(spec, indent=1) + "\n").encode()}


def base_of(client: RegistryClient, wanted: Wanted) -> tuple[RawManifest, dict[str, Any]]:
    """Return manifest and configuration of the image below, for this host's processor. Raises BaseError."""
    raw = client.manifest(wanted.base_repository, wanted.base_digest)
    found = parse(raw)
    if found.kind == INDEX:
        machine = MACHINES.get(os.uname().machine, os.uname().machine)
        fitting = [one for one in found.children if not one.attestation and one.platform.split("/")[1:2] == [machine]]
        if not fitting:
            raise BaseError(f"the image below is not made for this kind of processor ({machine})")
        raw = client.manifest(wanted.base_repository, fitting[0].digest)
        found = parse(raw)
    if found.kind != IMAGE or found.config is None or raw.media_type not in LAYER_TYPES:
        raise BaseError("the image below is of a kind that cannot be built on")
    config = client.blob_json(wanted.base_repository, found.config.digest)
    root = config.get("rootfs") or {}
    if len(root.get("diff_ids") or ()) != len(found.layers):
        raise BaseError("the image below does not say what its layers are")
    return raw, config


def configuration(base: Mapping[str, Any], wanted: Wanted, diff_id: str) -> dict[str, Any]:
    """Return the new image's configuration: the base's, with layer, labels and the place of the kernel."""
    own = dict(base.get("config") or {})
    labels = {key: value for key, value in (own.get("Labels") or {}).items() if key not in DROPPED}
    labels |= {
        # Always with a group: an image without is everybody's.
        PREFIX + "groups": wanted.group,
        PREFIX + "spawnable": "true",
        PREFIX + "title": f"{wanted.name} ({wanted.owner})",
        PREFIX + "description": f"By {wanted.owner} on {wanted.base_repository}, from {wanted.source}",
        PREFIX + "built-by": wanted.owner,
        PREFIX + "built-from": wanted.source,
        PREFIX + "base": f"{wanted.base_repository}@{wanted.base_digest}",
    }
    share = f"/{SHARE}"
    variables = dict(line.partition("=")[::2] for line in own.get("Env") or ())
    paths = [share, *[one for one in variables.get("JUPYTER_PATH", "").split(":") if one]]
    variables["JUPYTER_PATH"] = ":".join(paths)
    own |= {"Labels": labels, "Env": [f"{key}={value}" for key, value in variables.items()]}
    step = {"created": wanted.created, "created_by": f"labserver builds: {wanted.root}", "empty_layer": False}
    diff_ids = [*base["rootfs"]["diff_ids"], diff_id]
    return {
        **base,
        "created": wanted.created,
        "config": own,
        "rootfs": {"type": "layers", "diff_ids": diff_ids},
        "history": [*(base.get("history") or ()), step],
    }


def publish(client: RegistryClient, wanted: Wanted, write: Callable[[IO[bytes]], object]) -> str:
    """Make the image in the registry and return its digest; ``write`` writes the layer to what it is given.

    Raises BaseError, RegistryError, and what ``write`` raises; then no tag of the registry has changed.
    """
    raw, base = base_of(client, wanted)
    below = json.loads(raw.body)
    for layer in below["layers"]:
        upload.mount(client, wanted.repository, layer["digest"], wanted.base_repository)
    sink = upload.LayerUpload(client, wanted.repository)
    try:
        write(sink)  # type: ignore[arg-type]
        layer = sink.finish()
    except BaseException:
        sink.cancel()
        raise
    config = json.dumps(configuration(base, wanted, layer.diff_id), sort_keys=True).encode()
    config_digest = client.put_blob(wanted.repository, config)
    new = {"mediaType": LAYER_TYPES[raw.media_type], "digest": layer.digest, "size": layer.size}
    manifest = {
        "schemaVersion": 2,
        "mediaType": raw.media_type,
        "config": {**below["config"], "digest": config_digest, "size": len(config)},
        "layers": [*below["layers"], new],
    }
    client.put_manifest(wanted.repository, wanted.tag, json.dumps(manifest).encode(), raw.media_type)
    digest = client.digest(wanted.repository, wanted.tag)
    if digest is None:
        raise RegistryError(f"{wanted.repository}:{wanted.tag} was sent, but the registry does not have it")
    return digest
