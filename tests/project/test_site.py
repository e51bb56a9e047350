# Copyright (c) 2026, The labserver.jupyter authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The pages of docs/: each role has one, and the inventories and Dockerfiles that they show are valid."""

from __future__ import annotations

import json
import os
import re
import subprocess
import textwrap
from pathlib import Path

import yaml
from paths import ROOT

DOCS = ROOT / "docs"
PAGES = sorted(
    path
    for folder in ("start", "howto", "troubleshooting", "security")
    for path in (DOCS / folder).glob("*.md")
    if path.name != "index.md" or folder in ("troubleshooting", "security")
)
ROLES = sorted(path.parent.name for path in ROOT.glob("roles/*/README.md"))
INVENTORY = re.compile(r"^( *)<!-- inventory -->\n *```yaml\n(.*?)^ *```$", re.MULTILINE | re.DOTALL)


def test_there_are_pages() -> None:
    assert len(PAGES) > 15


def test_each_role_has_its_page() -> None:
    folder = DOCS / "reference" / "roles"
    listed = (folder / "index.md").read_text().split("```{toctree}\n:hidden:\n")[1].split("\n```")[0].split()
    assert sorted(listed) == ROLES
    for role in ROLES:
        assert f"roles/{role}/README.md" in (folder / f"{role}.md").read_text()


def test_dockerfiles_of_the_pages_are_such_as_the_role_takes() -> None:
    """Whether they build, the scenario and tests/images show for the one of the example; here: base, labels, user."""
    blocks = [
        block
        for page in PAGES
        for block in re.findall(
            r"<!-- dockerfile -->\n```dockerfile\n(.*?)^```$", page.read_text(), re.MULTILINE | re.DOTALL
        )
    ]
    assert len(blocks) >= 1
    read = "".join(path.read_text() for path in (ROOT / "plugins/module_utils/_catalogue").rglob("*.py"))
    for block in blocks:
        assert block.startswith("ARG BASE\nFROM ${BASE}\n")
        for label in re.findall(r"org\.labserver\.([a-z_]+)=", block):
            assert f'"{label}"' in read, label


def test_the_inventories_of_the_pages_are_valid(tmp_path: Path) -> None:
    """Each page is a host of one inventory; a wrong name or value of any of them fails."""
    hosts: dict[str, dict[str, object]] = {"atlas": {}}
    for page in PAGES:
        blocks = [yaml.safe_load(textwrap.dedent(block)) for _indent, block in INVENTORY.findall(page.read_text())]
        if blocks:
            hosts[page.stem.replace("-", "_")] = {key: value for block in blocks for key, value in block.items()}
    assert len(hosts) > 8
    (tmp_path / "students.csv").write_text("name,full_name,groups,expires\nada,Ada Abel,course,2099-03-31\n")
    (tmp_path / "hosts.yml").write_text(json.dumps({"all": {"hosts": {name: {} for name in hosts}}}))
    # What an example leaves out, every lab has once.
    common = {"certificates_ca_keeper": "atlas", "certificates_ca_domains": ["lab.example.org"]}
    (tmp_path / "group_vars").mkdir()
    (tmp_path / "group_vars" / "all.yml").write_text(yaml.safe_dump(common))
    (tmp_path / "host_vars").mkdir()
    for name, variables in hosts.items():
        (tmp_path / "host_vars" / f"{name}.yml").write_text(yaml.safe_dump(variables))
    environment = {**os.environ, "ANSIBLE_HOME": str(tmp_path / "home"), "ANSIBLE_CONFIG": str(ROOT / "ansible.cfg")}
    done = subprocess.run(
        ["ansible-playbook", "-i", tmp_path / "hosts.yml", ROOT / "playbooks/validate.yml"],
        cwd=ROOT, env=environment, capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert done.returncode == 0, done.stdout + done.stderr
