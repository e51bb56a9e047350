# Copyright (c) 2026, The labserver.jupyter authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""status.yml and report.yml, played on stand-ins for servers: the files that they leave are opened.

The program is the collection's own on a folder of each stand-in; only where the playbook finds it is another place.
"""

from __future__ import annotations

import csv
import json
import os
import re
import subprocess
import sys
import textwrap
import time
from html.parser import HTMLParser
from pathlib import Path

import collection  # noqa: F401 - makes the checkout importable as the collection
import pytest
from ansible_collections.labserver.jupyter.plugins.module_utils._usage.model import Key, Sum
from ansible_collections.labserver.jupyter.plugins.module_utils._usage.store import FILE, State, Store
from paths import ROOT

PROGRAM = "/usr/local/sbin/labserver"
EVIL = "</td><script>alert(1)</script>\x1b[2J\u202e"
CALLS = """\
    #!{python}
    import sys
    sys.path.insert(0, {path!r})
    import collection
    from ansible_collections.labserver.jupyter.plugins.module_utils import _program
    raise SystemExit(_program.main([*sys.argv[1:], "--root", {root!r}]))
"""


class Page(HTMLParser):
    """A page: its words, the heads of its tables, what it would load or run, and whether its elements are closed."""

    VOID = frozenset({"meta", "br", "hr", "rect", "path", "polyline", "circle", "line"})

    def __init__(self, text: str) -> None:
        super().__init__()
        self.words, self.outside, self.open = "", list[str](), list[str]()
        self.feed(text)
        self.close()

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        if tag not in self.VOID:
            self.open.append(tag)
        if tag in ("script", "img", "iframe", "link", "object", "embed", "form", "base", "audio", "video", "source"):
            self.outside.append(tag)
        for name, value in attrs:
            if name.startswith("on") or (name in ("src", "href", "action") and not str(value).startswith("#")):
                self.outside.append(f"{tag} {name}={value}")

    def handle_startendtag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.handle_starttag(tag, attrs)
        if tag not in self.VOID:
            self.open.pop()

    def handle_endtag(self, tag: str) -> None:
        assert self.open and self.open[-1] == tag, f"</{tag}> stands where {self.open[-3:]} are open"
        self.open.pop()

    def handle_data(self, data: str) -> None:
        if self.open[-1:] != ["style"]:
            self.words += f" {data}"


def opened(path: Path) -> Page:
    """A page that asks nobody for anything, as a browser reads it."""
    text = path.read_text(encoding="utf-8")
    page = Page(text)
    assert page.open == [] and page.outside == []
    assert re.findall(r"(?:https?:)?//[\w.]+|url\(|@import", re.sub("<!doctype[^>]*>", "", text)) == []
    assert not re.search(r"[\x00-\x08\x0b-\x1f\x7f\u202a-\u202e]", text)
    assert path.stat().st_mode & 0o777 == 0o600, "it names people"
    return page


class Lab:
    """Servers of an inventory on this machine; each finds its program in a folder of its own."""

    def __init__(self, folder: Path) -> None:
        self.folder, self.hosts = folder, list[str]()

    def server(self, name: str, script: str = "") -> Path:
        """Add one whose program is the collection's, or a script; returns the root of its files."""
        self.hosts.append(name)
        root = self.folder / name
        root.mkdir()
        calls = textwrap.dedent(CALLS).format(
            python=sys.executable, path=str(ROOT / "tests" / "support"), root=str(root)
        )
        (root / "program").write_text(script or calls)
        (root / "program").chmod(0o755)
        return root

    def play(self, name: str, *options: str) -> subprocess.CompletedProcess[str]:
        local = f"ansible_connection=local ansible_python_interpreter={sys.executable}"
        (self.folder / "hosts").write_text("[labserver_hubs]\n" + "".join(f"{host} {local}\n" for host in self.hosts))
        book = (ROOT / "playbooks" / f"{name}.yml").read_text(encoding="utf-8")
        assert book.count(PROGRAM) == 1
        (self.folder / f"{name}.yml").write_text(
            book.replace(PROGRAM, f'"{self.folder}/{{{{ inventory_hostname }}}}/program"')
        )
        environment = {**os.environ, "ANSIBLE_HOME": f"{self.folder}/home", "ANSIBLE_CONFIG": f"{ROOT}/ansible.cfg"}
        command = ["ansible-playbook", "-i", self.folder / "hosts", self.folder / f"{name}.yml", *options]
        done = subprocess.run(
            [*command, "-e", "ansible_become=false"],
            cwd=ROOT,
            env=environment,
            capture_output=True,
            text=True,
            check=False,
        )
        assert done.returncode == 0, done.stdout + done.stderr
        return done


@pytest.fixture
def lab(tmp_path: Path) -> Lab:
    return Lab(tmp_path)


def test_the_state_of_all_servers_as_table_data_and_page(lab: Lab) -> None:
    atlas = lab.server("atlas")
    fullness = atlas / "etc/labserver/public/fullness.json"
    fullness.parent.mkdir(parents=True)
    homes = {"mira": {"used": 95 << 30, "limit": 100 << 30}, EVIL: {"used": 1, "limit": 9}}
    fullness.write_text(json.dumps({"version": 1, "announcements": [], "homes": homes}))
    (atlas / "etc/labserver/public/shares.json").write_text("{")
    lab.server("boreas", "#!/bin/sh\necho 'Traceback: something is wrong' >&2\nexit 2\n")
    lab.server("castor", '#!/bin/sh\necho \'{"version": 1, "jobs": [\'\n')
    lab.server("dione").joinpath("program").unlink()
    out = lab.folder / "out"
    out.mkdir()
    done = lab.play("status", "-e", f"status_folder={out}")
    said = done.stdout
    assert re.search(r"boreas +critical +the server +no answer: Traceback: something is wrong", said), said
    assert re.search(r"castor +critical +the server +no answer: its answer is damaged: ", said)
    assert re.search(r"dione +critical +the server +no answer: the program labserver cannot be started there", said)
    assert re.search(r"atlas +unknown +shares +could not be read: .*shares\.json is damaged", said)
    data = json.loads((out / "status.json").read_text(encoding="utf-8"))
    assert (out / "status.json").stat().st_mode & 0o777 == 0o600
    assert list(data) == ["atlas", "boreas", "castor", "dione"]
    assert data["atlas"]["version"] == 1 and data["atlas"]["homes"][0]["person"] == "mira"
    assert "something is wrong" in data["boreas"]
    page = opened(out / "status.html")
    assert "mira" in page.words and "95 GiB of 100 GiB" in page.words
    assert "no answer: Traceback: something is wrong" in page.words
    assert page.words.index("no answer") < page.words.index("mira"), "what is worst stands first"


def test_what_was_used_as_table_for_spreadsheets_and_page(lab: Lab) -> None:
    atlas = lab.server("atlas")
    (atlas / FILE).parent.mkdir(parents=True)
    store = Store(atlas / FILE)
    month = subprocess.run(["date", "-u", "+%Y-%m"], capture_output=True, text=True, check=True).stdout.strip()
    used = {
        Key(month, "mira", ("leem", "xps"), "notebook"): Sum(36000, 412 * 3600, 0, 2.0**30 * 36000, 1 << 31, 0, 3),
        Key(month, "jonas", ("=1+1",), 'a,"b"\nc'): Sum(3600, 1800),
        Key(month, EVIL, (), "x"): Sum(3600, 1800),
    }
    store.keep(State({}), used)
    store.keep_disk(month, {"mira": 1 << 30}, time.time(), 3600)
    store.close()
    lab.server("boreas", "#!/bin/sh\necho nothing that is JSON\n")
    lab.server("castor").joinpath("program").unlink()
    lab.play("report", "-e", f"folder={lab.folder}/out", "-e", "hub_lab_name=Nanolab")
    with (lab.folder / "out/usage.csv").open(encoding="utf-8", newline="") as file:
        rows = list(csv.DictReader(file))
    assert all(None not in row and None not in row.values() for row in rows), "each line has all columns"
    found = {row["person"]: row for row in rows if row["cpu_hours"]}
    assert (found["mira"]["host"], found["mira"]["month"], found["mira"]["groups"]) == ("atlas", month, "leem xps")
    assert float(found["mira"]["cpu_hours"]) == 412 and float(found["mira"]["hours"]) == 10
    assert len(found) == 3
    assert not [cell for row in rows for cell in row.values() if cell[:1] in "=+-@\t\r" and cell], "orders to Excel"
    page = opened(lab.folder / "out/usage.html")
    assert "412 CPU hours" in page.words and "mira" in page.words and "Nanolab" in page.words
    assert "boreas: its answer is damaged" in page.words and "castor: " in page.words
