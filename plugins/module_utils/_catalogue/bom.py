# Copyright (c) 2026, The labserver.jupyter authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""An inventory as a document: CycloneDX 1.6 in JSON (https://cyclonedx.org/docs/1.6/json/).

The same contents give the same bytes: there is no time in it, and its number is made from what it says.
"""

from __future__ import annotations

import json
import urllib.parse
import uuid
from collections.abc import Mapping, Sequence
from typing import Any

from .contents import Contents, Package
from .osv import Finding

SPACE = uuid.UUID("6f0f0c52-6c6a-5d0a-9c39-4a1a7c5a2d10")
SEVERITIES = ("critical", "high", "medium", "low", "unknown")


def purl(package: Package, contents: Contents) -> str:
    """Return the package's address (https://github.com/package-url/purl-spec)."""
    quote = urllib.parse.quote
    if package.kind == "deb":
        system = contents.system or "debian"
        more = [("arch", package.architecture), ("distro", f"{system}-{contents.release}" if contents.release else "")]
        query = "&".join(f"{name}={quote(value, safe='')}" for name, value in more if value)
        return f"pkg:deb/{quote(system)}/{quote(package.name)}@{quote(package.version, safe=':~')}" + (
            f"?{query}" if query else ""
        )
    return f"pkg:{package.kind}/{quote(package.name, safe='/')}@{quote(package.version, safe='')}"


def document(name: str, version: str, contents: Contents, findings: Sequence[Finding] | None = None) -> dict[str, Any]:
    """Return the inventory of an image or a host. ``version``: the digest of an image, the release of a host;
    ``findings``: the known holes, None when nobody looked."""
    components = [_component(package, contents) for package in contents.packages]
    subject = {"type": "container" if ":" in version else "operating-system", "bom-ref": "subject", "name": name}
    if version:
        subject["version"] = version
    found: dict[str, Any] = {
        "$schema": "http://cyclonedx.org/schema/bom-1.6.schema.json",
        "bomFormat": "CycloneDX",
        "specVersion": "1.6",
        "version": 1,
        "metadata": {
            "component": subject,
            "tools": {"components": [{"type": "application", "name": "labserver inventory"}]},
        },
        "components": components,
    }
    if findings is not None:
        found["vulnerabilities"] = [
            {
                "bom-ref": f"{one.hole}/{purl(one.package, contents)}",
                "id": one.hole,
                "source": {"name": "OSV", "url": f"https://osv.dev/vulnerability/{urllib.parse.quote(one.hole)}"},
                **({"description": one.summary} if one.summary else {}),
                "affects": [{"ref": purl(one.package, contents)}],
            }
            for one in findings
        ]
    found["serialNumber"] = f"urn:uuid:{uuid.uuid5(SPACE, render(found))}"
    return found


def _component(package: Package, contents: Contents) -> dict[str, Any]:
    address = purl(package, contents)
    properties = []
    if package.source and package.source != package.name:
        properties.append({"name": "labserver:debian-source", "value": package.source})
    more: Mapping[str, Any] = {"properties": properties} if properties else {}
    group, _slash, name = package.name.rpartition("/") if package.kind == "npm" else ("", "", package.name)
    named = {"group": group, "name": name} if group else {"name": name}
    return {"type": "library", "bom-ref": address, **named, "version": package.version, "purl": address, **more}


def render(found: Mapping[str, Any]) -> str:
    """Return the document's text."""
    return json.dumps(found, indent=1, sort_keys=True, ensure_ascii=False) + "\n"
