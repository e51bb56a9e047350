# Copyright (c) 2026, The labserver.jupyter authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Adds settings of Jupyter's server to those that the image below has. Usage: merge.py MORE.json SETTINGS.json"""

import json
import sys
from pathlib import Path

more, settings = (Path(argument) for argument in sys.argv[1:])
merged = json.loads(settings.read_text())
for name, values in json.loads(more.read_text()).items():
    merged[name] = {**merged.get(name, {}), **values}
settings.write_text(json.dumps(merged, indent=2) + "\n")
