# Copyright (c) 2026, The labserver.jupyter authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Looks at the lab's registry: which tags it holds. What it cannot say of one of them concerns that one alone."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from .._registry.manifest import signed_digest
from .._registry.protocol import RegistryError
from . import model
from .registry import Description, ImageError, Registry
from .signed import Signed

REFUSED = (401, 403)
SILENT_IN_A_ROW = 3
"""After so many questions without any answer the registry itself is taken to be away."""


@dataclass(frozen=True)
class Seen:
    """What a look has found. ``repositories`` are all that the registry has and that are wanted.

    ``silent``: of which tags (an empty tag: of all of a repository) nothing is known now -> what the registry said.
    """

    found: tuple[model.Found, ...]
    repositories: frozenset[str]
    silent: Mapping[tuple[str, str], str]

    def is_silent(self, repository: str, tag: str) -> bool:
        """Tell whether nothing is known of a tag now."""
        return (repository, tag) in self.silent or (repository, "") in self.silent


class Look:
    """Looks again and again, and asks only once what an image says of itself."""

    def __init__(self, registry: Registry, patterns: Sequence[str], signed: Signed | None = None) -> None:
        """``signed``: judges the signatures of images; None when none is asked for."""
        self._registry = registry
        self._signed = signed
        self._patterns = patterns
        self._descriptions: dict[tuple[str, str], Description | None] = {}
        self._in_a_row = 0
        self._silent: dict[tuple[str, str], str] = {}

    def __call__(self, expected: int) -> Seen:
        """Look once; raises RegistryError when the registry does not answer.

        ``expected``: how many images it held before. A registry that holds nothing any more has lost its disk.
        """
        self._in_a_row, self._silent = 0, {}
        everything = self._registry.repositories()
        if not everything and expected:  # one whose tags were all deleted still has its repositories
            raise RegistryError(
                f"the registry holds no repository at all, though it held {expected} image(s) before; "
                "is its disk mounted?"
            )
        repositories = [name for name in everything if model.wanted(name, self._patterns)]
        found: list[model.Found] = []
        for repository in repositories:
            try:
                tags = self._registry.tags(repository)
            except RegistryError as error:
                self._note(repository, "", error)
                continue
            for tag in tags:
                found += self._tag(repository, tag, tags)
        return Seen(tuple(found), frozenset(repositories), self._silent)

    def _tag(self, repository: str, tag: str, tags: Sequence[str]) -> list[model.Found]:
        try:
            digest = self._registry.digest(repository, tag)
            if digest is None or signed_digest(tag) is not None:
                return []
            return self._image(repository, tag, digest, tags)
        except RegistryError as error:
            self._note(repository, tag, error)
            return []

    def _image(self, repository: str, tag: str, digest: str, tags: Sequence[str]) -> list[model.Found]:
        key = (repository, digest)
        if key not in self._descriptions:
            try:
                self._descriptions[key] = self._registry.description(repository, digest)
            except ImageError as error:
                return [model.Found(repository, tag, digest, problem=str(error))]
            except RegistryError as error:
                self._note(repository, tag, error)
                said = f"the registry cannot hand it out (HTTP {error.status})" if error.status else str(error)
                return [model.Found(repository, tag, digest, problem=said)]
        self._in_a_row = 0
        described = self._descriptions[key]
        # None: a chart, a signature, a build cache. Nobody means to start it.
        if described is None or not model.spawnable(described[0]):
            return []
        problem = self._signed.problem(self._registry, repository, digest, tags) if self._signed else ""
        return [model.Found(repository, tag, digest, *described, problem)]

    def _note(self, repository: str, tag: str, error: RegistryError) -> None:
        """Note that nothing is known of one tag or repository; raises the error when it concerns everything."""
        self._in_a_row += 1 if error.status is None else 0
        if error.status in REFUSED or self._in_a_row >= SILENT_IN_A_ROW:
            raise error
        self._silent[repository, tag] = str(error)
