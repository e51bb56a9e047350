# Copyright (c) 2026, The labserver.jupyter authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Packages that are gone, older, held or half installed since the last whole run are named; a newer one is wanted."""

from __future__ import annotations

import re
import shutil
import subprocess
from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from ansible_collections.labserver.jupyter.plugins.module_utils._status import (
    drift,
    lately,
    managed_packages,
    metrics,
    table,
    view,
)

NOW = datetime(2026, 11, 3, 12, 0, tzinfo=UTC)
OK = "install ok installed"
PACKAGES = {
    "docker.io": ("20.10.21+dfsg1-1", OK),
    "nginx": ("1.22.1-9", OK),
    "restic": ("0.14.0-1+b5", OK),
    "cron": ("3.0pl1-162", OK),
    "iptables": ("1.8.9-2", "hold ok installed"),
    "certbot": ("2.1.0-4", "deinstall ok config-files"),
    "vim": ("2:9.0", OK),
}


def write(root: Path, packages: Mapping[str, tuple[str, str]]) -> None:
    """Write dpkg's file as dpkg does, with fields of many lines between those that are read."""
    path = root / "var/lib/dpkg/status"
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(
        "".join(
            f"Package: {name}\nStatus: {status}\nPriority: optional\nConffiles:\n /etc/x 0123\nVersion: {version}\n"
            f"Description: a package\n of many lines\n Package: nginx\n .\n Version: 9\n\n"
            for name, (version, status) in packages.items()
        )
    )


@pytest.fixture
def root(tmp_path: Path) -> Path:
    """A host as a whole run left it."""
    write(tmp_path, PACKAGES)
    assert drift.record(tmp_path, "0.1.0", NOW)
    return tmp_path


def now(root: Path, **changed: tuple[str, str] | None) -> dict[str, Any]:
    """Return what the status says once these packages are others; None: removed."""
    packages = {**PACKAGES, **{name.replace("_", "."): value for name, value in changed.items()}}
    write(root, {name: value for name, value in packages.items() if value is not None})
    found: dict[str, Any] = drift.state(root)["packages"]
    assert found["unknown"] == ""
    return found


def test_only_packages_of_the_roles_that_are_installed_are_noted(root: Path) -> None:
    assert now(root)["noted"] == 5
    assert "vim" not in (root / drift.PATH).read_text() and "certbot" not in (root / drift.PATH).read_text()


def test_a_newer_package_is_told_and_is_nothing_to_worry_about(root: Path) -> None:
    found = now(root, docker_io=("20.10.24+dfsg1-1", OK), certbot=("2.1.0-4", OK))
    assert found["drift"] == []
    assert found["newer"] == [
        {
            "name": "docker.io",
            "what": "newer",
            "message": "20.10.24+dfsg1-1, was 20.10.21+dfsg1-1 when site.yml ran last (2026-11-03)",
        }
    ]
    report = {"version": 1, "site": {**drift.state(root)}}
    assert view.matters(report) == []
    assert view.worst(report) == "ok"
    shown = table.table({"atlas": report})
    assert re.search(r"^atlas +docker\.io +20\.10\.24\+dfsg1-1, was 20\.10\.21", shown, re.MULTILINE)
    assert "atlas: of 5 packages none differs, 1 newer by updates" in shown
    assert "20.10.24+dfsg1-1, was 20.10.21" in view.document({"atlas": report}, "now")
    assert "labserver_drift_packages 0\n" in metrics.text(report)
    assert not drift.record(root, "0.1.0", NOW + timedelta(days=1)), "an update between two runs is no change of a run"
    assert now(root, docker_io=("20.10.24+dfsg1-1", OK))["newer"] == []


@pytest.mark.parametrize(
    ("value", "what", "words"),
    [
        (None, "gone", "it was removed; it was 0.14.0-1+b5 when site.yml ran last (2026-11-03)"),
        (("0.14.0-1+b5", "deinstall ok config-files"), "gone", "it was removed"),
        (("0.14.0-1+b5", "purge ok not-installed"), "gone", "it was removed"),
        (("0.9.0-2", OK), "older", "0.9.0-2, was 0.14.0-1+b5 when site.yml ran last (2026-11-03)"),
        (("0.14.0-1+b5", "hold ok installed"), "held", "is held back, so that it gets no updates"),
        (("0.15.0-1", "hold ok installed"), "held", "0.15.0-1 is held back"),
        (("0.15.0-1", "install ok half-configured"), "partial", "is installed in part (half-configured)"),
        (("0.9.0-2", "hold ok unpacked"), "partial", "is installed in part (unpacked)"),
    ],
)
def test_a_package_that_is_not_as_it_should_be_is_a_warning(
    root: Path, value: tuple[str, str] | None, what: str, words: str
) -> None:
    (row,) = now(root, restic=value)["drift"]
    assert (row["name"], row["what"]) == ("restic", what)
    assert words in row["message"]
    report = {"version": 1, "site": drift.state(root)}
    (level, what, said) = view.matters(report)[0]
    assert (level, what) == ("warning", "changed packages")
    assert words in said
    assert "labserver_drift_packages 1\n" in metrics.text(report)


def test_what_was_held_before_stays_untold_and_triggers_make_nothing_partial(root: Path) -> None:
    assert now(root, iptables=("1.8.9-2", OK), cron=("3.0pl1-162", "install ok triggers-pending"))["drift"] == []


@pytest.mark.parametrize("fault", ["missing", "damaged"])
def test_a_list_of_packages_that_cannot_be_read_is_unknown_and_no_package_is_gone(root: Path, fault: str) -> None:
    path = root / "var/lib/dpkg/status"
    if fault == "missing":
        path.unlink()
    else:
        path.write_text("Package: nginx\nStatus: install\n")
    found = drift.state(root)["packages"]
    assert found["unknown"] and found["drift"] == []
    assert "packages: unknown: " in lately.others({"packages": found})[0]
    assert drift.record(root, "0.1.0", NOW) is False, "a run notes the rest"
    write(root, PACKAGES)
    assert "it could not note any" in drift.state(root)["packages"]["unknown"]


@pytest.mark.skipif(not shutil.which("dpkg-query"), reason="needs dpkg")
def test_this_host_has_the_versions_that_dpkg_says() -> None:
    form = "${Package} ${Version} ${db:Status-Status}\n"
    said = subprocess.run(["dpkg-query", "-W", "-f", form], capture_output=True, text=True, check=True).stdout
    rows = [line.split() for line in said.splitlines()]
    expected = {row[0]: row[1] for row in rows if row[0] in managed_packages.NAMES and row[-1] == "installed"}
    found = managed_packages.look(Path("/"))
    assert {name: one.version for name, one in found.items() if one.state == "installed"} == expected
