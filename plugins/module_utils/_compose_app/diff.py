# Copyright (c) 2026, The labserver.jupyter authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Shows what changes in the files of a project, without any secret."""

from __future__ import annotations

from collections.abc import Sequence

from .model import File, env_line
from .plan import Plan, digest, is_secret


def masks(secrets: Sequence[str]) -> list[str]:
    """All forms in which ``.env`` may show a secret, the longest first: one may be a part of another."""
    forms = {form for value in secrets for form in (value, env_line("", value)[1:].strip("\"'")) if form}
    return sorted(forms, key=len, reverse=True)


def show(file: File | None, masked: Sequence[str]) -> str:
    """Return the text of a file without the values that must not be shown."""
    if file is None:
        return ""
    if file.secret:
        return f"(secret of {len(file.content)} bytes, sha256 not shown)\n"
    try:
        text = file.content.decode()
    except UnicodeDecodeError:
        return f"(binary file of {len(file.content)} bytes, sha256 {digest(file.content)})\n"
    for value in masked:
        text = text.replace(value, "********")
    return text


def render_diff(plan: Plan) -> list[dict[str, str]]:
    """Return one before/after pair for each file that changes."""
    secrets = {*plan.files.items(), *plan.current.files.items()}
    masked = masks([file.content.decode(errors="replace") for path, file in secrets if is_secret(path)])
    pairs = []
    for path in sorted({*plan.files, *plan.stale}):
        before, after = plan.current.files.get(path), None if path in plan.stale else plan.files.get(path)
        if before == after:
            continue
        texts = show(before, masked), show(after, masked)
        if texts[0] == texts[1]:  # only the mode, the owner or a secret's value differ
            texts = texts[0] + mode_line(before), texts[1] + mode_line(after) + "(content or mode changed)\n"
        name = f"{plan.app.name}/{path}"
        pairs.append({"before_header": name, "after_header": name, "before": texts[0], "after": texts[1]})
    return pairs


def mode_line(file: File | None) -> str:
    return f"mode {file.mode:04o} owner {file.uid}\n" if file else ""
