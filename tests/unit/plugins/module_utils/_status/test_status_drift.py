# Copyright (c) 2026, The labserver.jupyter authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What somebody changed by hand since the last whole run of site.yml is named, and what programs write is not."""

from __future__ import annotations

import hashlib
import json
import os
import re
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from ansible_collections.labserver.jupyter.plugins.module_utils._status import (
    drift,
    lately,
    managed,
    metrics,
    overview,
    table,
    view,
)

NOW = datetime(2026, 11, 20, 12, 0, tzinfo=UTC)
SHARES = {"shares": {"data": {"mount_point": "/srv/labserver/shares/data/files"}}}
MOUNT = "//nas/data /srv/labserver/shares/data/files cifs ro 0 0"
FILES = {
    "etc/docker/daemon.json": "{}",
    "etc/docker/certs.d/127.0.0.1:5000/labserver-ca.crt": "root",
    "etc/nginx/nginx.conf": "events {}",
    "etc/nginx/conf.d/labserver.conf": "server {}",
    "etc/cron.d/labserver-backup": "3 3 * * * root true",
    "etc/systemd/system/labserver-catalogue.service": "[Unit]",
    "etc/systemd/system/docker.service.d/labserver-outgoing.conf": "[Service]",
    "etc/fstab": f"/dev/sda1 / ext4 errors=remount-ro 0 1\n{MOUNT}\n",
    "etc/labserver/public/shares.json": json.dumps(SHARES),
    "etc/labserver/public/roster.json": "{}",
    "etc/labserver/public/lab.json": "{}",
    "etc/labserver/hub/hub.json": "{}",
    "etc/labserver/hub/secrets/cookie_secret": "5ecret",
    "etc/labserver/compose/wiki/.labserver.json": json.dumps({"files": ["compose.yml", "conf/wiki.php"]}),
    "etc/labserver/compose/wiki/compose.yml": "services: {}",
    "etc/labserver/compose/wiki/conf/wiki.php": "<?php",
    "usr/local/sbin/labserver": "#!/usr/bin/python3",
    "usr/local/share/ca-certificates/lab.crt": "authority",
    "var/lib/dpkg/status": "",
}


def write(root: Path, path: str, text: str, mode: int = 0o644) -> Path:
    file = root / path
    file.parent.mkdir(parents=True, exist_ok=True)
    file.write_text(text)
    file.chmod(mode)
    return file


@pytest.fixture
def root(tmp_path: Path) -> Path:
    """A host as a whole run left it."""
    for path, text in FILES.items():
        write(tmp_path, path, text, 0o600 if "secret" in path else 0o644)
    wants = tmp_path / "etc/systemd/system/multi-user.target.wants"
    wants.mkdir()
    (wants / "labserver-catalogue.service").symlink_to("/etc/systemd/system/labserver-catalogue.service")
    assert drift.record(tmp_path, "0.1.0", NOW)
    return tmp_path


def differing(root: Path) -> dict[str, str]:
    return {row["path"]: row["what"] for row in drift.state(root)["drift"]}


def test_what_a_person_changes_is_named_with_what_differs(root: Path) -> None:
    assert drift.state(root)["drift"] == []
    assert drift.state(root)["files"] > len(FILES), "folders too: who may enter them matters"
    write(root, "etc/docker/daemon.json", '{"debug": true}')
    (root / "etc/labserver/hub/secrets/cookie_secret").chmod(0o644)
    (root / "etc/labserver/hub/secrets").chmod(0o777)
    (root / "etc/nginx/conf.d/labserver.conf").unlink()
    write(root, "etc/labserver/jobs.d/mine.json", "{}")
    write(root, "etc/cron.d/labserver-mine", "* * * * * root true")
    (root / "etc/systemd/system/multi-user.target.wants/labserver-catalogue.service").unlink()
    write(root, "etc/labserver/compose/wiki/conf/wiki.php", "<?php evil();")
    assert differing(root) == {
        "/etc/docker/daemon.json": "changed",
        "/etc/labserver/compose/wiki/conf/wiki.php": "changed",
        "/etc/labserver/hub/secrets": "rights",
        "/etc/labserver/hub/secrets/cookie_secret": "rights",
        "/etc/nginx/conf.d/labserver.conf": "gone",
        "/etc/labserver/jobs.d/mine.json": "new",
        "/etc/cron.d/labserver-mine": "new",
        "/etc/systemd/system/multi-user.target.wants/labserver-catalogue.service": "gone",
    }
    said = {row["path"]: row["message"] for row in drift.state(root)["drift"]}
    own = f"{os.getuid()}:{os.getgid()}"
    assert said["/etc/labserver/hub/secrets/cookie_secret"] == (
        f"mode and owner were 0600 of {own} and are 0644 of {own}"
    )


def test_what_programs_and_others_write_is_not_told(root: Path) -> None:
    write(root, "etc/labserver/public/roster.json", '{"users": {}}')
    write(root, "etc/labserver/public/fullness.json", "{}")
    write(root, "etc/labserver/hub/status.json", "{}", 0o640)
    write(root, "etc/labserver/tls/.versions/hub/2/key.pem", "new", 0o600)
    write(root, "etc/labserver/registry/in-use.d/lab2.json", "{}")
    write(root, "etc/labserver/hub/.hub.json.x81ja", "half")
    write(root, "etc/labserver/hub/hub.json~", "of an editor")
    write(root, "etc/labserver/compose/wiki/conf/cache", "of the app")
    write(root, "etc/docker/certs.d/registry.example/ca.crt", "of somebody")
    write(root, "usr/local/share/ca-certificates/university.crt", "of the university")
    write(root, "etc/labserver/sandbox/sandbox.json", "{}")
    write(root, "etc/cron.d/others", "* * * * * root true")
    assert differing(root) == {}


def test_of_fstab_only_the_lines_of_the_shares_count(root: Path) -> None:
    text = FILES["etc/fstab"]
    write(root, "etc/fstab", f"# a comment\n{MOUNT.replace(' ', '  ')}\nUUID=1 /data xfs defaults 0 0\n")
    assert differing(root) == {}
    write(root, "etc/fstab", text.replace("cifs ro", "cifs rw"))
    assert differing(root) == {"/etc/fstab (shares)": "changed"}
    write(root, "etc/fstab", "")
    assert differing(root) == {"/etc/fstab (shares)": "gone"}


def test_a_run_that_finds_all_as_it_was_changes_nothing_but_its_time(root: Path) -> None:
    later = NOW + timedelta(days=1)
    assert not drift.record(root, "0.1.0", later)
    assert drift.state(root)["run"] == "2026-11-21T12:00:00Z"
    write(root, "etc/nginx/nginx.conf", "events { }")
    assert drift.record(root, "0.2.0", later), "what differs is the new state"
    found = drift.state(root)
    assert (found["drift"], found["version"]) == ([], "0.2.0")


def test_nobody_learns_a_secret_from_the_record(root: Path) -> None:
    for path in (drift.PATH, drift.KEY):
        assert (root / path).stat().st_mode & 0o777 == 0o600
    kept = (root / drift.PATH).read_text()
    assert "5ecret" not in kept
    assert hashlib.sha256(b"5ecret").hexdigest() not in kept, "a short password could be tried out"
    other = root / "other"
    write(other, "etc/labserver/hub/secrets/cookie_secret", "5ecret")
    write(other, "etc/labserver/public/shares.json", FILES["etc/labserver/public/shares.json"])
    write(other, "etc/fstab", FILES["etc/fstab"])
    drift.record(other, "0.1.0", NOW)
    digests = [set(re.findall(r"[0-9a-f]{64}", (one / drift.PATH).read_text())) for one in (root, other)]
    assert digests[0] & digests[1] == set(), "each host has a key of its own"


def test_a_run_of_a_part_keeps_what_is_compared(root: Path) -> None:
    write(root, "etc/docker/daemon.json", '{"debug": true}')
    drift.part(root, NOW + timedelta(hours=2))
    found = drift.state(root)
    assert (found["run"], found["part"]) == ("2026-11-20T12:00:00Z", "2026-11-20T14:00:00Z")
    assert differing(root) == {"/etc/docker/daemon.json": "changed"}
    assert (
        "left it; a part of it ran at 2026-11-20 14:00 UTC; playbooks/site.yml --check" in lately.drifted(found)[0][2]
    )
    drift.record(root, "0.1.0", NOW + timedelta(hours=3))
    assert drift.state(root)["part"] == ""


def test_a_host_without_a_record_says_so_and_a_part_makes_none(tmp_path: Path) -> None:
    assert not drift.noted(tmp_path)
    drift.part(tmp_path, NOW)
    found = drift.state(tmp_path)
    assert (found["run"], found["drift"]) == ("", [])
    assert "has not run whole on this host" in lately.whole_run(found)


@pytest.mark.parametrize(
    ("path", "content", "words"),
    [
        (drift.PATH, '{"version": 1, "run": ""}', "site.json is damaged"),
        (drift.PATH, '{"version": 1, "run": "", "collection": "", "part": "", "files": {"etc": [1]}}', "is damaged"),
        (drift.PATH, '{"version": 9}', "its version is 9"),
        (drift.KEY, "short", "site.key is missing"),
    ],
)
def test_a_record_that_cannot_be_read_is_named_and_begins_anew(
    root: Path, path: str, content: str, words: str, capsys: pytest.CaptureFixture[str]
) -> None:
    (root / path).write_text(content)
    assert overview.main(["--root", str(root), "--json"]) == 0
    report: dict[str, Any] = json.loads(capsys.readouterr().out)
    assert "site" not in report
    (said,) = [row["message"] for row in report["unread"] if row["part"] == "site"]
    assert words in said
    assert re.search("^atlas +unknown +site +could not be read", table.table({"atlas": report}), re.MULTILINE)
    assert not drift.noted(root)
    assert drift.record(root, "0.1.0", NOW)
    assert drift.state(root)["drift"] == []


def test_others_who_may_read_the_key_make_it_worthless(root: Path) -> None:
    (root / drift.KEY).chmod(0o644)
    before = (root / drift.KEY).read_bytes()
    with pytest.raises(ValueError, match=r"site\.key is missing"):
        drift.state(root)
    assert drift.record(root, "0.1.0", NOW)
    assert (root / drift.KEY).read_bytes() != before


def test_table_page_and_metrics_name_the_files(root: Path) -> None:
    evil = "etc/labserver/hub/\x1b[2J<img src=x>"
    write(root, evil, "")
    write(root, "etc/docker/daemon.json", "[]")
    report = {"version": 1, "site": drift.state(root)}
    shown = table.table({"atlas": report})
    assert re.search("^atlas +/etc/docker/daemon.json +its content was changed$", shown, re.MULTILINE)
    assert "has not run whole since 2026-11-20 12:00 UTC (version 0.1.0)" in shown
    markup = view.document({"atlas": report}, "now")
    assert "/etc/docker/daemon.json" in markup and "--check --diff" in markup
    assert "\x1b" not in shown + markup
    assert "<img" not in markup
    (level, what, said) = view.matters(report)[0]
    assert (level, what) == ("warning", "changed files")
    assert "/etc/docker/daemon.json (changed)" in said
    assert "labserver_drift_files 2\n" in metrics.text(report)
    assert f"labserver_site_run_seconds {NOW.timestamp():.10g}\n" in metrics.text(report)


def test_many_files_are_named_in_part(root: Path) -> None:
    for number in range(drift.MOST_ROWS + 7):
        write(root, f"etc/labserver/services.d/{number:03}.json", "{}")
    found = drift.state(root)
    assert (len(found["drift"]), found["drift_left_out"]) == (drift.MOST_ROWS, 7)
    assert f"{drift.MOST_ROWS + 7} differ" in lately.whole_run(found)
    assert f"labserver_drift_files {drift.MOST_ROWS + 7}\n" in metrics.text({"site": found})


def test_a_folder_that_cannot_be_read_is_no_folder_without_files(root: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    real = os.scandir

    def refuse(path: Any) -> Any:
        if str(path).endswith("hub/secrets"):
            raise PermissionError(13, "Permission denied", str(path))
        return real(path)

    monkeypatch.setattr(os, "scandir", refuse)
    with pytest.raises(PermissionError):
        drift.state(root)


def test_each_reason_for_leaving_a_file_out_is_a_sentence() -> None:
    assert all(len(why) > 15 for why in managed.REWRITTEN.values())
