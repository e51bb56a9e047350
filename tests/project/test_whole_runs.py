# Copyright (c) 2026, The labserver.jupyter authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Only a whole run of site.yml is noted on a host as one."""

from __future__ import annotations

import os
import re
import subprocess
from pathlib import Path

import collection  # noqa: F401 - makes the checkout importable as the collection
import pytest
import yaml
from ansible_collections.labserver.jupyter.plugins.plugin_utils import _release
from paths import ROOT

PLAYBOOK = """
- hosts: all
  gather_facts: false
  tasks:
    - labserver.jupyter.run_lock:
        state: released
        site: {site}
      tags: [always]
"""


@pytest.mark.parametrize(
    ("site", "options", "told"),
    [
        ("whole", [], ["whole"]),
        ("whole", ["--skip-tags", ""], ["whole"]),
        ("part", [], ["part"]),
        ("whole", ["--tags", "docker"], ["part"]),
        ("whole", ["--skip-tags", "docker"], ["part"]),
        ("whole", ["--check"], ["whole"]),
        ("whole", ["--check", "--tags", "docker"], []),
    ],
)
def test_the_host_is_told_what_ended_by_the_options_of_the_run(
    site: str, options: list[str], told: list[str], tmp_path: Path
) -> None:
    """By a real run, whose modules go to a program that notes their arguments in place of Python."""
    (tmp_path / "site.yml").write_text(PLAYBOOK.format(site=site))
    python = tmp_path / "python"
    python.write_text(f'#!/bin/sh\ncat "$@" >>{tmp_path}/asked\necho \'{{"changed": false}}\'\n')
    python.chmod(0o755)
    hosts = {"all": {"hosts": {"atlas": {"ansible_connection": "local", "ansible_python_interpreter": str(python)}}}}
    (tmp_path / "hosts.yml").write_text(yaml.safe_dump(hosts))
    environment = {
        **os.environ,
        "ANSIBLE_HOME": str(tmp_path / "home"),
        "ANSIBLE_PIPELINING": "false",
        "ANSIBLE_KEEP_REMOTE_FILES": "true",
        "ANSIBLE_REMOTE_TEMP": str(tmp_path / "remote"),
        "ANSIBLE_CONFIG": str(ROOT / "ansible.cfg"),
    }
    done = subprocess.run(
        ["ansible-playbook", "-i", "hosts.yml", "site.yml", *options],
        cwd=tmp_path, env=environment, capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert done.returncode == 0, done.stdout + done.stderr
    asked = (tmp_path / "asked").read_text() if (tmp_path / "asked").exists() else ""
    assert re.findall(r'"site": "(\w+)"', asked.replace("\\", "")) == told
    assert not told or _release.version(ROOT) in asked


def test_site_yml_says_at_its_end_alone_that_it_was_whole() -> None:
    """Where people's accounts failed the run ends with an error, but only after this task."""
    plays = yaml.safe_load((ROOT / "playbooks/site.yml").read_text())
    locks = [
        (number, task["labserver.jupyter.run_lock"] or {}, task.get("tags"))
        for number, play in enumerate(plays)
        for task in [*play.get("pre_tasks", []), *play.get("post_tasks", [])]
        if "labserver.jupyter.run_lock" in task
    ]
    (_first, held, _tags), (last, released, tags) = locks
    assert "site" not in held
    assert (last, released["state"], tags) == (len(plays) - 1, "released", ["always"])
    assert "__accounts_outcome" in released["site"]
    assert "__accounts_outcome" in (ROOT / "roles/accounts/tasks/report.yml").read_text(), "what that error is about"
    for book in (ROOT / "playbooks").glob("*.yml"):
        if book.name != "site.yml":
            assert not re.search(r"^ +site: ", book.read_text(), re.MULTILINE), book.name
