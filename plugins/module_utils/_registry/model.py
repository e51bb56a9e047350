# Copyright (c) 2026, The labserver.jupyter authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""What the plan of a registry consists of: what must stay, guards, verdicts, and what goes."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

# The type of the empty artifact to which tags are moved on registries that cannot delete a tag.
TOMBSTONE = "application/vnd.labserver.tombstone.v1+json"


@dataclass(frozen=True, slots=True)
class Protection:
    """What must stay whatever the policies say.

    ``digests``: digest of a manifest or of an image's configuration -> why. ``references``: patterns for
    ``repository:tag`` and ``repository@digest``. ``names``: exact ``repository:tag`` -> why.
    """

    digests: Mapping[str, str] = field(default_factory=dict)
    names: Mapping[str, str] = field(default_factory=dict)
    references: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Limits:
    """Guards against a policy that was not meant that way. ``max_removals`` 0: no limit."""

    max_removals: int = 0
    max_fraction: float = 0.9
    allow_empty: bool = False


NO_PROTECTION = Protection()
DEFAULT_LIMITS = Limits()


@dataclass(frozen=True, slots=True)
class Verdict:
    """What happens to a tag (or, with an empty ``tag``, to an untagged manifest), and why."""

    tag: str
    digest: str
    keep: bool
    rule: str
    time: float | None
    size: int


@dataclass(frozen=True, slots=True)
class RepositoryPlan:
    """The plan for one repository. ``remove_manifests``: groups, parents first; ``needed``: what must stay."""

    name: str
    verdicts: tuple[Verdict, ...]
    remove_tags: tuple[tuple[str, str], ...] = ()
    remove_manifests: tuple[tuple[str, ...], ...] = ()
    needed: frozenset[str] = frozenset()
    problems: tuple[str, ...] = ()

    @property
    def doomed(self) -> list[str]:
        """The manifests that go."""
        return [digest for group in self.remove_manifests for digest in group]

    @property
    def kept(self) -> dict[str, str]:
        """Tag -> digest of what stays."""
        return {verdict.tag: verdict.digest for verdict in self.verdicts if verdict.keep and verdict.tag}


@dataclass(frozen=True, slots=True)
class Plan:
    """The plan for a registry. Nothing may be removed while ``refusals`` is not empty."""

    repositories: tuple[RepositoryPlan, ...]
    refusals: tuple[str, ...] = ()

    @property
    def removals(self) -> int:
        """How many tags and manifests go."""
        return sum(len(item.remove_tags) + len(item.doomed) for item in self.repositories)

    @property
    def problems(self) -> list[str]:
        """What could not be read; nothing is removed in those repositories."""
        return [f"{item.name}: {problem}" for item in self.repositories for problem in item.problems]
