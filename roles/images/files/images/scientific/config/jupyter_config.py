# Copyright (c) 2026, The labserver.jupyter authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What JupyterLab offers to export to: only what this image can do. An image on top of this one may bring more."""

import shutil
from importlib.util import find_spec

config = get_config()  # noqa: F821
if not shutil.which("pandoc"):
    for exporter in ("LatexExporter", "RSTExporter", "ASCIIDocExporter"):
        config[exporter].enabled = False
if not find_spec("playwright"):
    config.WebPDFExporter.enabled = False
for exporter in ("QtPDFExporter", "QtPNGExporter"):
    config[exporter].enabled = False
