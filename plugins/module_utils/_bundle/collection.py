# Copyright (c) 2026, The labserver.jupyter authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The collection in a bundle: the archive that ansible-galaxy installs, without times, owners and a lab's inventory."""

from __future__ import annotations

import gzip
import hashlib
import io
import json
import tarfile
from typing import Any

from .model import BundleError

FILES, MANIFEST = "FILES.json", "MANIFEST.json"
INVENTORIES = ("inventory/demo", "inventory/example")
"""Those of the collection itself. A lab's own lie beside them in a checkout; they are nobody else's business."""


def repacked(content: bytes) -> bytes:
    """Return what `ansible-galaxy collection build` made, or a tar of an installed collection, as a bundle has it.

    Equal files give equal bytes. Raises BundleError where it is no collection.
    """
    with tarfile.open(fileobj=io.BytesIO(content), mode="r:gz") as old:
        there = {member.name.removeprefix("./"): member for member in old.getmembers()}

        def text(name: str) -> bytes:
            file = old.extractfile(there[name]) if name in there else None
            if file is None:
                raise BundleError(f"the collection cannot be packed: it has no {name}")
            return file.read()

        listing, manifest = json.loads(text(FILES)), json.loads(text(MANIFEST))
        listing["files"] = sorted(filter(_kept, listing["files"]), key=lambda one: str(one["name"]))
        listed = _rendered(listing)
        manifest["file_manifest_file"]["chksum_sha256"] = hashlib.sha256(listed).hexdigest()
        packed = io.BytesIO()
        with (
            gzip.GzipFile(fileobj=packed, mode="wb", filename="", mtime=0) as zipped,
            tarfile.TarFile(fileobj=zipped, mode="w", format=tarfile.GNU_FORMAT) as new,
        ):
            for name, document in ((MANIFEST, _rendered(manifest)), (FILES, listed)):
                _add(new, name, document)
            for entry in listing["files"]:
                name = str(entry["name"])
                if entry["ftype"] == "dir":
                    if name != ".":
                        _add(new, name, None)
                else:
                    _add(new, name, text(name), executable=bool(there[name].mode & 0o100))
    return packed.getvalue()


def _kept(entry: dict[str, Any]) -> bool:
    name = str(entry["name"])
    if not name.startswith("inventory/"):
        return True
    return any(name == one or name.startswith(f"{one}/") for one in INVENTORIES)


def _rendered(document: Any) -> bytes:
    return json.dumps(document, indent=1, sort_keys=True).encode()


def _add(archive: tarfile.TarFile, name: str, content: bytes | None, *, executable: bool = False) -> None:
    member = tarfile.TarInfo(name)
    member.mode = 0o755 if content is None or executable else 0o644
    member.type = tarfile.DIRTYPE if content is None else tarfile.REGTYPE
    member.size = len(content or b"")
    archive.addfile(member, io.BytesIO(content) if content is not None else None)
