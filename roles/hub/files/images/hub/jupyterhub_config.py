# Copyright (c) 2026, The labserver.jupyter authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""JupyterHub's configuration, all of it made by ``labhub.wiring``."""

from labhub.wiring import configure

c = get_config()  # noqa: F821
configure(c)
