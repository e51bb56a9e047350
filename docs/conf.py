# Copyright (c) 2026, The labserver.jupyter authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""How Sphinx makes the site (``make site``), which asks nothing of the network when it is read."""

from __future__ import annotations

from pathlib import Path

import yaml

ROOT = Path(__file__).resolve().parent.parent
GALAXY = yaml.safe_load((ROOT / "galaxy.yml").read_text())

project = "labserver.jupyter"
author = copyright = "The labserver.jupyter authors"  # noqa: A001 - the name that Sphinx knows
release = version = GALAXY["version"]
extensions = ["myst_parser", "sphinx_copybutton"]
myst_enable_extensions = ["colon_fence"]
myst_heading_anchors = 3
exclude_patterns = ["reference/schemas"]
html_theme = "furo"
html_title = "labserver.jupyter"
html_copy_source = html_show_sourcelink = False
# rooms.md is a table made by a script, for a page that has the heading.
suppress_warnings = ["myst.header", "toc.no_title"]
