# Copyright (c) 2026, The labserver.jupyter authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The hub's configuration on the host: ``hub.json`` and the snippets in ``config.d``."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from .._common import files


@dataclass(frozen=True)
class Configuration:
    """The hub's configuration as text: ``hub.json`` and the snippets, in their order."""

    settings: str
    snippets: tuple[str, ...]

    def write(self, folder: Path, group: int = -1) -> None:
        """Write the files below ``folder``; others in its config.d go.

        Snippets may hold secrets (tokens of services, for instance): besides root only the hub's ``group`` reads them.
        """
        configs = folder / "config.d"
        configs.mkdir(mode=0o755, parents=True, exist_ok=True)
        configs.chmod(0o755)
        names = set()
        for index, snippet in enumerate(self.snippets, start=1):
            names.add(f"{index:02d}.py")
            files.replace(configs / f"{index:02d}.py", snippet.encode(), 0o640, group=group)
        for path in configs.glob("*.py"):
            if path.name not in names:
                path.unlink()
        files.replace(folder / "hub.json", self.settings.encode())

    def shown(self, former: Configuration | None = None) -> str:
        """Return the text for a diff, of what comes after ``former``. Snippets may hold secrets: only their sizes."""
        lines = []
        for index, snippet in enumerate(self.snippets):
            same = former is None or snippet in former.snippets[index : index + 1]
            size = f"{len(snippet.splitlines())} lines, not shown: it may hold secrets"
            lines.append(f"config.d/{index + 1:02d}.py: {'' if same else 'other content, '}{size}\n")
        return self.settings + "".join(lines)

    @classmethod
    def read(cls, folder: Path) -> Configuration:
        """Return what is installed; empty texts for what is missing."""
        path = folder / "hub.json"
        snippets = tuple(file.read_text() for file in sorted((folder / "config.d").glob("*.py")))
        return cls(path.read_text() if path.exists() else "", snippets)
