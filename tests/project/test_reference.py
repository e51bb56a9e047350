# Copyright (c) 2026, The labserver.jupyter authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The pages of the reference made from the code: nothing that a run says is missing, nothing is out of date."""

from __future__ import annotations

import re
import sys
from pathlib import Path

import pytest
import yaml
from paths import ROOT
from test_yaml_inputs import validate

sys.path.insert(0, str(ROOT / "tools"))
import messages
import reference_pages
from ansible_collections.labserver.jupyter.plugins.module_utils._doctor import hazards
from ansible_collections.labserver.jupyter.plugins.plugin_utils import _deprecated

WRONG = {
    "accounts_groups": [{"name": "leem", "limits": {"memory": "much"}}],
    "accounts_users": [{"name": "Mira"}, {"name": "jonas", "groups": ["xps"], "expires": "soon"}],
    "hub_port": 99999,
    "hub_prot": 8000,
    "hub_spawn_lmit": 3,
    "shares_list": [{"name": "raw", "path": "/mnt/raw", "source": "//nas/raw"}],
    "registry_policies": [{"match": "[", "keep_lasts": 3}],
    "certificates_list": [{"name": "hub", "names": ["hub lab"], "source": "acme"}],
    "backup_repository": "sftp:nas",
    "proxy_sites": [{"name": "hub", "upstream": "127.0.0.1"}],
    "compose_app_list": [{"name": "pad"}],
    "docker_log_max_size": "ten",
    "schedule_alert_webhook": "example.org",
}


def pattern(text: str) -> re.Pattern[str]:
    """Return what a message looks like when its words in capitals and its dots are what was named."""
    parts = re.split(r"\b[A-Z][A-Z0-9_]+\b|\.\.\.|\{.*?\}", text)
    return re.compile(".*" + ".*".join(map(re.escape, parts)) + ".*", re.DOTALL)


@pytest.fixture(scope="module")
def refusals() -> list[messages.Message]:
    return messages.refusals()


def test_what_a_real_run_refuses_is_on_the_page(tmp_path: Path, refusals: list[messages.Message]) -> None:
    (tmp_path / "hosts.yml").write_text("all: {hosts: {lab1: {}}}\n")
    (tmp_path / "group_vars").mkdir()
    (tmp_path / "group_vars" / "all.yml").write_text(yaml.safe_dump(WRONG))
    status, said = validate(tmp_path)
    assert status != 0
    problems = [" ".join(line.split()) for line in re.findall(r"^ *\d+\. (.*)$", said, re.MULTILINE)]
    assert len(problems) > 12, said
    known = [pattern(message.text) for message in refusals]
    assert [problem for problem in problems if not any(one.fullmatch(problem) for one in known)] == []


def test_each_kind_of_place_is_looked_at(refusals: list[messages.Message]) -> None:
    """Messages that other tests, or people, have seen: of an exception, a list, a task that fails, a module, a page."""
    texts = {message.text for message in refusals}
    for text in (
        "nothing is recorded about this password store; run the playbook once",
        "the registry cannot be read",
        "run this without --limit",
        "is no port; give a number from 1 to 65535",
        "the clock of this host is not synchronised",
    ):
        assert [one for one in texts if text in one.lower()], text
    assert [message for message in messages.pages() if message.text.startswith("Your disk quota is full.")]


def test_each_room_leads_to_a_page(refusals: list[messages.Message]) -> None:
    assert {message.room for message in refusals} <= set(reference_pages.PAGES)
    for page in filter(None, reference_pages.PAGES.values()):
        assert (ROOT / "docs" / "howto" / f"{page}.md").exists(), page


def test_nothing_in_a_message_is_taken_for_markup() -> None:
    assert reference_pages.escaped("a|b *c* <d> _e_ `f`") == r"a\|b \*c\* \<d\> \_e\_ \`f\`"


def test_the_page_of_hazards_has_all_of_them() -> None:
    page = "".join(reference_pages.doctor())
    assert re.findall(r"^### `([\w-]+)`$", page, re.MULTILINE) != []
    assert set(re.findall(r"^### `([\w-]+)`$", page, re.MULTILINE)) == set(hazards.HAZARDS)
    assert len(hazards.HAZARDS) > 60


def version(text: str) -> tuple[int, ...]:
    return tuple(map(int, text.split(".")))


def inputs() -> set[str]:
    found: set[str] = set()
    for path in ROOT.glob("roles/*/meta/argument_specs.yml"):
        found |= set(yaml.safe_load(path.read_text())["argument_specs"]["main"].get("options") or {})
    return found


def test_what_is_deprecated_works_until_the_release_that_removes_it() -> None:
    """A release that reaches the number in the table without the removal fails here, and one that removes too early."""
    today = version(yaml.safe_load((ROOT / "galaxy.yml").read_text())["version"])
    for entry in _deprecated.TABLE:
        assert version(entry.removal)[1:] == (0, 0), f"{entry.name}: inputs go with a major release"
        assert version(entry.since) < version(entry.removal), entry.name
        assert (entry.name in inputs()) == (today < version(entry.removal)), entry.name
        assert not entry.instead or entry.instead in inputs(), entry.name
        assert entry.instead or entry.remedy, entry.name
    assert [entry.name for entry in _deprecated.TABLE] == sorted({entry.name for entry in _deprecated.TABLE})


def test_modules_that_were_renamed_are_announced_and_lead_to_one_that_is_there() -> None:
    renamed = yaml.safe_load((ROOT / "meta" / "runtime.yml").read_text())["plugin_routing"]["modules"]
    page = reference_pages.deprecated()
    for old, one in renamed.items():
        assert (ROOT / "plugins" / "modules" / f"{one['redirect'].rpartition('.')[2]}.py").exists(), old
        assert one["deprecation"]["removal_version"].endswith(".0.0"), old
        assert f"`{old}`" in page
