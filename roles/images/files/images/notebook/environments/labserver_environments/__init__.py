# Copyright (c) 2026, The labserver.jupyter authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""People's own environments (venv, uv, conda) as kernels, and what becomes of them when the image's Python changes.

A part of the images: it runs with the image's Python and needs nothing but what JupyterLab brings.
"""
