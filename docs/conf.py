# Copyright (c) 2026, The labserver.jupyter authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""How Sphinx makes the site (``make site``), which asks nothing of the network when it is made or read."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import yaml
from docutils import nodes

ROOT = Path(__file__).resolve().parent.parent
GALAXY = yaml.safe_load((ROOT / "galaxy.yml").read_text())

project = "labserver.jupyter"
author = copyright = "The labserver.jupyter authors"  # noqa: A001 - the name that Sphinx knows
release = version = GALAXY["version"]
extensions = ["myst_parser", "sphinx_copybutton", "sphinx_antsibull_ext"]
myst_enable_extensions = ["colon_fence"]
myst_heading_anchors = 3
# A message is searched for as the program writes it.
smartquotes = False
exclude_patterns = ["reference/schemas"]
antsibull_ext_color_scheme = "default-autodark"
html_theme = "furo"
html_title = "labserver.jupyter"
html_static_path = ["_static"]
html_css_files = ["site.css"]
html_copy_source = html_show_sourcelink = False
# rooms.md is a table made by a script, for a page that has the heading.
suppress_warnings = ["myst.header", "toc.no_title"]

# Pages of Ansible's own documentation that descriptions of modules point to; links are followed by who clicks them.
ANSIBLE = "https://docs.ansible.com/ansible/latest/"
ANSIBLE_PAGES = {
    "common_return_values": "reference_appendices/common_return_values.html",
    "action_plugins": "plugins/action.html",
    "callback_plugins": "plugins/callback.html",
    "ansible_configuration_settings": "reference_appendices/config.html",
}


def elsewhere(_app: Any, _environment: Any, node: Any, content: Any) -> nodes.reference | None:
    """Return the link for a label of Ansible's own documentation; its index would have to be downloaded."""
    target = str(node.get("reftarget", ""))
    plugin = re.fullmatch(r"ansible_collections\.(\w+)\.(\w+)\.(\w+)", target)
    if plugin and plugin[1] != "labserver":
        page = f"collections/{plugin[1]}/{plugin[2]}/{plugin[3]}.html"
    elif target in ANSIBLE_PAGES:
        page = ANSIBLE_PAGES[target]
    else:
        return None
    return nodes.reference("", "", content, internal=False, refuri=ANSIBLE + page)


def setup(app: Any) -> None:
    app.connect("missing-reference", elsewhere)
