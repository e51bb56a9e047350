# Copyright (c) 2026, The labserver.jupyter authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What JupyterLab's status bar shows, and what it offers to export to."""

import shutil
from importlib.util import find_spec

config = get_config()  # noqa: F821

# The person's own limits; the hub gives them as MEM_LIMIT and CPU_LIMIT. The warning takes cores for percent.
config.ResourceUseDisplay.track_cpu_percent = True
config.ResourceUseDisplay.cpu_warning_threshold = 0
config.ResourceUseDisplay.show_host_usage = False
# It would look at all processes each second, for a page that nobody asks for.
config.ResourceUseDisplay.enable_prometheus_metrics = False

# Only what this image can do. An image on top of this one may bring more.
if not shutil.which("pandoc"):
    for exporter in ("LatexExporter", "RSTExporter", "ASCIIDocExporter"):
        config[exporter].enabled = False
if not find_spec("playwright"):
    config.WebPDFExporter.enabled = False
for exporter in ("QtPDFExporter", "QtPNGExporter"):
    config[exporter].enabled = False
