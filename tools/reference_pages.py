# Copyright (c) 2026, The labserver.jupyter authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Writes the pages of the reference that follow from the code, into docs/reference/made: ``make site``.

They are modules, filters and roles from their own descriptions (antsibull-docs, which asks nobody: the collection is
the checkout), every message with which something is refused, the hazards that the doctor knows, and what is deprecated.
The folder is not kept in git, so that none of it can be older than the code.
"""

from __future__ import annotations

import importlib
import os
import re
import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import messages
import yaml

sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "tests" / "support"))
# Makes the checkout importable as the collection.
import collection  # noqa: F401  # pylint: disable=unused-import
from ansible_collections.labserver.jupyter.plugins.module_utils._doctor import hazards
from ansible_collections.labserver.jupyter.plugins.plugin_utils import _deprecated

importlib.import_module(f"{hazards.__package__}.cli")  # its checks put themselves on the list

ROOT = Path(__file__).resolve().parents[1]
MADE = ROOT / "docs" / "reference" / "made"
KINDS = {"module": "Modules", "filter": "Filters", "role": "Roles: every key of every input", "callback": "Callback"}
# Where somebody goes on who read a message of that room.
PAGES = {
    "accounts": "people", "adopt": "from-tljh", "backup": "backup", "builds": "people-images",
    "bundle": "without-a-line", "catalogue": "image",
    "certificates": "certificate-expired", "cocalc": "", "common": "status",
    "compose_app": "apps", "docker": "behind-a-proxy", "doctor": "doctor", "host": "new-server",
    "hub": "login", "image_build": "image", "images": "image", "proxy": "public-name", "registry": "disk-full",
    "retire": "retire", "sandbox": "", "schedule": "status", "shares": "nas", "status": "status",
    "updates": "updates", "usage": "usage",
}  # fmt: skip
NOT_IN_A_ROOM = {"common": "What several rooms say, playbooks and modules", "catalogue": "catalogue (of the role hub)"}
LEVELS = {"critical": "loses data or lets somebody in", "warning": "will, one day", "note": "is worth knowing"}

REFUSALS = """\
What runs, commands and jobs refuse or complain of, collected from the code. Words in CAPITALS stand for what is named
there, as do three dots. A message says what to do wherever that is known; below each title is the page to go on with.
There are {}; search them with the search of this site, by a word of the message that is no name of yours."""
OF_PAGES = """\
What people of the lab read, in English; each says what to do. Words in CAPITALS stand for what is named there.
[What you see, and what to do](../../troubleshooting/index.md) has the frequent ones with the reason."""
DEPRECATED = """\
An input that gets another name goes on working until the next major release, and `playbooks/validate.yml` warns of it;
afterwards it is refused with its new name."""


def escaped(text: str) -> str:
    """Return a text for a cell of Markdown, in which nothing is taken for markup."""
    return re.sub(r"([\\`*_{}\[\]<>#|~$])", r"\\\1", " ".join(text.split()))


def table(head: tuple[str, ...], rows: list[tuple[str, ...]]) -> str:
    lines = [" | ".join(head), " | ".join("---" for _column in head), *(" | ".join(row) for row in rows)]
    return "".join(f"| {line} |\n" for line in lines)


def write(name: str, text: str) -> None:
    (MADE / name).write_text(text, encoding="utf-8")


def plugins() -> None:
    """Let antsibull-docs write a page for each plugin and role, and make the list of them."""
    folder = MADE / "plugins"
    folder.mkdir()
    command = [
        "antsibull-docs",
        "collection",
        "--use-current",
        "--fail-on-error",
        "--squash-hierarchy",
        "--no-breadcrumbs",
    ]
    options = ["--no-add-antsibull-docs-version", "--dest-dir", str(folder), "labserver.jupyter"]
    home = {"ANSIBLE_CONFIG": str(ROOT / "ansible.cfg"), "ANSIBLE_COLLECTIONS_PATH": str(ROOT / "collections")}
    subprocess.run([*command, *options], cwd=ROOT, env=os.environ | home, check=True)
    (folder / "index.rst").unlink()
    (folder / "environment_variables.rst").unlink(missing_ok=True)
    renamed = yaml.safe_load((ROOT / "meta" / "runtime.yml").read_text())["plugin_routing"]["modules"]
    for name in renamed:
        (folder / f"{name}_module.rst").unlink()
    pages = {path: titled(path) for path in sorted(folder.glob("*.rst"))}
    parts = ["# Modules, filters and roles\n\nFrom their own descriptions, which `ansible-doc` shows, too.\n"]
    for kind, title in KINDS.items():
        rows = [
            (f"[{path.stem.removesuffix(f'_{kind}')}]({path.name})", escaped(said))
            for path, said in pages.items()
            if path.stem.endswith(f"_{kind}")
        ]
        tree = "".join(
            f"{path.stem.removesuffix(f'_{kind}')} <{path.stem}>\n" for path in pages if path.stem.endswith(f"_{kind}")
        )
        parts.append(f"## {title}\n\n{table(('name', 'does'), rows)}\n```{{toctree}}\n:hidden:\n\n{tree}```\n")
    write("plugins/index.md", "\n".join(parts))


def titled(path: Path) -> str:
    """Let the page stand in the tree of the site under its short name; return the sentence of its title.

    The note on where the collection is got and the list of sections go: the site and its theme have both.
    """
    text = path.read_text(encoding="utf-8").replace("\n:orphan:\n", "\n", 1)
    match = re.search(r"^labserver\.jupyter\.(\S+ \w+)(?: -- (.*))?\n\++$", text, re.MULTILINE)
    if match is None:
        raise ValueError(f"{path.name}: its title is not like those that antsibull-docs writes")
    text = text.replace(match[0], f"{match[1]}\n{'+' * len(match[1])}\n\n{match[2] or ''}")
    text = re.sub(r"^\.\. Collection note\n.*?(?=^\.\. (?!note)\w)", "", text, flags=re.DOTALL | re.MULTILINE)
    text = re.sub(r"^\.\. contents::\n(?: .*\n)+", "", text, flags=re.MULTILINE)
    path.write_text(text, encoding="utf-8")
    return (match[2] or "").replace("\\", "")


def listed(found: list[messages.Message]) -> Iterator[str]:
    """Yield messages by the file that says them."""
    for source in dict.fromkeys(message.source for message in found):
        yield f"\nIn `{'/'.join(Path(source).parts[-2:])}`:\n\n"
        yield from (f"- {escaped(message.text)}\n" for message in found if message.source == source)


def refusals() -> Iterator[str]:
    """Yield the page of what runs and commands say."""
    found = messages.refusals()
    yield f"# Every message of a run\n\n{REFUSALS.format(len(found))}\n"
    for room in sorted({message.room for message in found}):
        yield f"\n## {NOT_IN_A_ROOM.get(room, room)}\n"
        where = [f"[how to: {PAGES[room]}](../../howto/{PAGES[room]}.md)"] if PAGES[room] else []
        if (ROOT / "docs" / "reference" / "roles" / f"{room}.md").exists():
            where.append(f"[the role and its inputs](../roles/{room}.md)")
        yield f"\nGo on with: {', '.join(where)}.\n"
        yield from listed([message for message in found if message.room == room])


def people() -> str:
    """Return the page of what the hub tells people."""
    return "# Every message of the hub's pages\n\n" + OF_PAGES + "\n" + "".join(listed(messages.pages()))


def doctor() -> Iterator[str]:
    """Yield the page of the hazards that the doctor knows."""
    yield "# Every hazard that the doctor knows\n"
    yield "\n[Is this server in danger?](../../howto/doctor.md) shows how to ask.\n"
    for level, meaning in LEVELS.items():
        yield f"\n## {level}: {meaning}\n"
        for each in hazards.HAZARDS.values():
            if each.level == level:
                what = " ".join((each.check.__doc__ or "").split())
                yield f"\n### `{each.id}`\n\n{escaped(what)}\n\n*It leads to:* {escaped(each.consequence)}.\n"
                yield f"\n*What to do:* {escaped(each.remedy)}.\n"


def deprecated() -> str:
    """Return the page of what is going or gone."""
    inputs = [
        (
            f"`{each.name}`",
            each.since,
            each.removal,
            escaped("; ".join(filter(None, [f"use {each.instead}" * bool(each.instead), each.remedy]))),
        )
        for each in _deprecated.TABLE
    ]
    renamed = yaml.safe_load((ROOT / "meta" / "runtime.yml").read_text())["plugin_routing"]["modules"]
    modules = [
        (f"`{name}`", one["deprecation"]["removal_version"], f"use `{one['redirect']}`")
        for name, one in renamed.items()
    ]
    said = table(("input", "deprecated since", "works until", "what to do"), inputs) if inputs else "None so far.\n"
    return (
        f"# What is deprecated\n\n{DEPRECATED}\n\n## Inputs\n\n{said}\n## Modules\n\n"
        "In playbooks of your own; Ansible warns where one is used.\n\n"
        + table(("module", "works until", "what to do"), modules)
    )


def main() -> int:
    shutil.rmtree(MADE, ignore_errors=True)
    MADE.mkdir()
    plugins()
    write("messages.md", "".join(refusals()))
    write("messages-people.md", people())
    write("hazards.md", "".join(doctor()))
    write("deprecated.md", deprecated())
    return 0


if __name__ == "__main__":
    sys.exit(main())
