# Copyright (c) 2026, The labserver.jupyter authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Inventories of hosts and images, and the known holes in them; checked by CycloneDX's schema, packaging and dpkg."""

from __future__ import annotations

import io
import itertools
import json
import shutil
import subprocess
import tarfile
import zipfile
from pathlib import Path

import pytest
from ansible_collections.labserver.jupyter.plugins.module_utils._catalogue import (
    bom,
    contents,
    inventory,
    osv,
)
from ansible_collections.labserver.jupyter.plugins.module_utils._common import version_order
from cyclonedx.schema import SchemaVersion
from cyclonedx.validation.json import JsonStrictValidator
from packaging.version import Version

FILES = {
    "etc/os-release": 'NAME="Debian"\nID=debian\nVERSION_ID="13"\n',
    "var/lib/dpkg/status": (
        "Package: libssl3t64\nStatus: install ok installed\nSource: openssl (3.5.0-1)\nArchitecture: amd64\n"
        "Description: x\n Status: not this\nVersion: 3.5.0-1+b1\n\n"
        "Package: gone\nStatus: deinstall ok config-files\nVersion: 1\n\n"
        "Package: bash\nStatus: install ok installed\nArchitecture: amd64\nVersion: 5.2.37-2\n"
    ),
    "opt/jupyter/lib/python3.13/site-packages/Jupyter_Server-2.17.0.dist-info/METADATA": (
        "Metadata-Version: 2.4\nName: Jupyter_Server\nVersion: 2.17.0\n\nVersion: 1.0 is history\n"
    ),
    "opt/x/node_modules/@babel/core/package.json": '{"name": "@babel/core", "version": "7.26.0"}',
    "opt/x/node_modules/left-pad/package.json": '{"name": "left-pad", "version": "1.3.0"}',
    "opt/x/node_modules/left-pad/package.json.bak": "{}",
    "opt/x/node_modules/broken/package.json": "{",
    "opt/x/node_modules/left-pad/test/package.json": '{"name": "no-package", "version": "1"}',
}
NAMES = ["libssl3t64", "bash", "jupyter-server", "@babel/core", "left-pad"]


def archive() -> io.BytesIO:
    stream = io.BytesIO()
    with tarfile.open(fileobj=stream, mode="w") as tar:
        for name, text in FILES.items():
            member = tarfile.TarInfo(name)
            member.size = len(text)
            tar.addfile(member, io.BytesIO(text.encode()))
    stream.seek(0)
    return stream


def subject() -> contents.Contents:
    return contents.from_archive(archive())


def valid(document: str) -> None:
    """CycloneDX's own schema, without anything that it does not name."""
    assert JsonStrictValidator(SchemaVersion.V1_6).validate_str(document) is None


def test_an_archive_and_a_root_tell_the_same(tmp_path: Path) -> None:
    for name, text in FILES.items():
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).write_text(text)
    found = subject()
    assert sorted(package.name for package in found.packages) == sorted(NAMES)
    assert (found.system, found.release) == ("debian", "13")
    assert contents.from_root(tmp_path) == found


def test_the_document_is_valid_and_the_same_each_time() -> None:
    found = bom.document("notebook:1", "sha256:" + "0" * 64, subject(), [])
    text = bom.render(found)
    valid(text)
    assert bom.render(bom.document("notebook:1", "sha256:" + "0" * 64, subject(), [])) == text
    assert [one["purl"] for one in found["components"]] == [
        "pkg:deb/debian/bash@5.2.37-2?arch=amd64&distro=debian-13",
        "pkg:deb/debian/libssl3t64@3.5.0-1%2Bb1?arch=amd64&distro=debian-13",
        "pkg:npm/%40babel/core@7.26.0",
        "pkg:npm/left-pad@1.3.0",
        "pkg:pypi/jupyter-server@2.17.0",
    ]


def record(hole: str, ecosystem: str, name: str, events: list[dict[str, str]], **more: object) -> dict[str, object]:
    kind = "SEMVER" if ecosystem == "npm" else "ECOSYSTEM"
    affected = {"package": {"ecosystem": ecosystem, "name": name}, "ranges": [{"type": kind, "events": events}]}
    return {"id": hole, "summary": f"about {name}", "affected": [affected], **more}


SINCE, UNTIL = [{"introduced": "0"}, {"fixed": "99"}], [{"introduced": "0"}, {"fixed": "1.0"}]


@pytest.mark.parametrize(
    ("told", "found"),
    [
        (record("A", "PyPI", "jupyter-server", SINCE), ("jupyter-server", "99")),
        (record("B", "PyPI", "jupyter-server", UNTIL), None),
        (
            record("C", "PyPI", "jupyter-server", [{"introduced": "2.0"}, {"last_affected": "2.17.0"}]),
            ("jupyter-server", ""),
        ),
        (record("D", "PyPI", "jupyter-server", SINCE, withdrawn="2026-01-01T00:00:00Z"), None),
        (
            record("E", "npm", "@babel/core", [{"introduced": "7.0.0-beta.1"}, {"fixed": "7.26.10"}]),
            ("@babel/core", "7.26.10"),
        ),
        (
            record("F", "Debian:13", "openssl", [{"introduced": "0"}, {"fixed": "3.5.0-1+deb13u1"}]),
            ("libssl3t64", "3.5.0-1+deb13u1"),
        ),
        (record("G", "Debian:12", "openssl", SINCE), None),
        (record("H", "Ubuntu:24.04:LTS", "openssl", SINCE), None),
        (record("I", "npm", "jupyter-server", SINCE), None),
        (
            {
                "id": "J",
                "affected": [{"package": {"ecosystem": "PyPI", "name": "jupyter-server"}, "versions": ["2.17.0"]}],
            },
            ("jupyter-server", ""),
        ),
    ],
)
def test_known_holes_are_found_by_name_system_and_version(
    told: dict[str, object], found: tuple[str, str] | None, tmp_path: Path
) -> None:
    with zipfile.ZipFile(tmp_path / "all.zip", "w") as database:
        database.writestr(f"{told['id']}.json", json.dumps(told))
    (findings,) = osv.find(osv.records(tmp_path), [subject()])
    assert [(one.package.name, one.fixed) for one in findings] == ([found] if found else [])
    valid(bom.render(bom.document("x", "sha256:1", subject(), findings)))
    shown = inventory.text(inventory.Subject("x", "sha256:1", subject()), findings)
    assert (str(told["id"]) in shown.split()[-1:] or f": {told['id']} (" in shown) == bool(found)


@pytest.mark.parametrize(
    ("name", "content", "said"),
    [
        ("all.zip", b"PK half", "File is not a zip file; fetch it again"),
        ("one.json", b"{", "one.json: is not JSON"),
        ("many.jsonl", b'{"id": "A"}\n[]\n', "many.jsonl: line 2: is no record of OSV"),
        ("notes.txt", b"", "no file ends with .zip, .json or .jsonl"),
    ],
)
def test_a_database_that_cannot_be_used_is_named(name: str, content: bytes, said: str, tmp_path: Path) -> None:
    (tmp_path / name).write_bytes(content)
    with pytest.raises(osv.DatabaseError) as refused:
        list(osv.records(tmp_path))
    assert said in str(refused.value)


PYTHON = [
    "1.0.dev1",
    "1.0a1",
    "1.0a1.post1",
    "1.0b2.dev3",
    "1.0b2",
    "1.0rc1",
    "1.0",
    "1.0+local.2",
    "1.0+local.10",
    "1.0.post1",
    "1.0.1",
    "1.1",
    "1.10",
    "2!0.1",
]
DEBIAN = [
    "1.0~rc1-1",
    "1.0-1~bpo1",
    "1.0-1",
    "1.0-1+b1",
    "1.0-1+deb12u1",
    "1.0-1.1",
    "1.0-2",
    "1.0a-1",
    "1.0+dfsg-1",
    "1.0.1",
    "1.2",
    "1.10",
    "1:0.1",
    "2:0",
]
NPM = [
    "1.0.0-alpha",
    "1.0.0-alpha.1",
    "1.0.0-alpha.beta",
    "1.0.0-beta",
    "1.0.0-beta.2",
    "1.0.0-beta.11",
    "1.0.0-rc.1",
    "1.0.0",
    "1.2.0",
    "1.10.0",
]


def order(kind: str, one: str, other: str) -> int:
    first, second = version_order.key(kind, one), version_order.key(kind, other)
    return int(first > second) - int(first < second)


def test_python_versions_are_ordered_as_packaging_does() -> None:
    for one, other in itertools.product([*PYTHON, "1.0.0", "v1.0", "1.0-1", "1.0ALPHA1"], repeat=2):
        expected = (Version(one) > Version(other)) - (Version(one) < Version(other))
        assert order("pypi", one, other) == expected, (one, other)


@pytest.mark.skipif(not shutil.which("dpkg"), reason="needs dpkg")
def test_debian_versions_are_ordered_as_dpkg_does() -> None:
    for one, other in itertools.pairwise(sorted(DEBIAN, key=lambda version: version_order.key("deb", version))):
        subprocess.run(["dpkg", "--compare-versions", one, "lt", other], check=True)


def test_npm_versions_are_ordered_as_the_rules_of_semver_do() -> None:
    """The list is the example of semver.org, 11.4."""
    for first, second in itertools.combinations(NPM, 2):
        assert order("npm", first, second) == -1, (first, second)


@pytest.mark.skipif(not shutil.which("dpkg-query"), reason="needs dpkg")
def test_this_host_is_told_whole() -> None:
    listed = subprocess.run(
        ["dpkg-query", "-W", "-f", "${db:Status-Status} ${Package} ${Version}\\n"],
        capture_output=True,
        text=True,
        check=True,
    )
    wanted = {tuple(line.split()[1:]) for line in listed.stdout.splitlines() if line.startswith("installed ")}
    found = contents.from_root(Path("/"))
    assert {(one.name, one.version) for one in found.packages if one.kind == "deb"} == wanted
    valid(bom.render(bom.document("host", "debian", found)))
