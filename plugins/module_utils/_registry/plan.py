# Copyright (c) 2026, The labserver.jupyter authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""From facts and policies to a plan: which tags and manifests go, which stay, and by which rule. Pure.

Protection goes by closure, not by tag: what any kept tag, kept index or container needs stays, however it is tagged.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field

from .facts import Repository, closure, created, levels, size_of
from .manifest import signed_digest
from .policy import Candidate, Policy, first_match, judge

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


def make_plan(
    repositories: Iterable[Repository],
    policies: Sequence[Policy],
    *,
    now: float,
    can_untag: bool,
    protection: Protection = NO_PROTECTION,
    limits: Limits = DEFAULT_LIMITS,
) -> Plan:
    """Return the plan. ``can_untag``: tags can be removed whose digest stays; distribution 2.8 cannot over its API."""
    plans: list[RepositoryPlan] = []
    refusals: list[str] = []
    for repository in sorted(repositories, key=lambda item: item.name):
        policy = next((item for item in policies if first_match(item.repositories, repository.name)), None)
        if policy is None:
            plan = _untouched(repository, "no policy for this repository")
        elif repository.problems:
            plan = _untouched(repository, "the repository cannot be read completely", tuple(repository.problems))
        else:
            plan = _Planner(repository, policy, protection, now).plan(can_untag)
            refusals += _refusals(repository, policy, plan, limits)
        plans.append(plan)
    tags = sum(len(item.remove_tags) for item in plans)
    if limits.max_removals and tags > limits.max_removals:
        refusals.append(f"{tags} tags would be removed, more than max_removals={limits.max_removals}")
    return Plan(tuple(plans), tuple(refusals))


class _Planner:
    """Decides about one repository: first the tags, then what accompanies images, then the manifests without a tag."""

    def __init__(self, repository: Repository, policy: Policy, protection: Protection, now: float) -> None:
        self.repository = repository
        self.manifests = repository.manifests
        self.policy = policy
        self.protection = protection
        self.now = now
        self.kept: dict[str, str] = {}  # tag -> rule
        self.gone: dict[str, str] = {}
        self.untagged: dict[str, str] = {}  # digest without a tag that goes -> rule
        self.needed: set[str] = set()

    def plan(self, can_untag: bool) -> RepositoryPlan:
        tags = self.repository.tags
        self.judge_images()
        self.needed = self.reach(self.kept)
        self.judge_companions()
        self.judge_untagged({**dict.fromkeys(self.repository.leftovers, 0.0), **(self.repository.revisions or {})})
        if not can_untag:
            for tag in [tag for tag in self.gone if tags[tag].digest in self.needed]:
                self.kept[tag] = f"shares its image with what stays (else: {self.gone.pop(tag)})"
        doomed = (self.reach(self.gone) | set(self.untagged)) - self.needed
        verdicts = [self.verdict(tag, tags[tag].digest, True, rule) for tag, rule in self.kept.items()]
        verdicts += [self.verdict(tag, tags[tag].digest, False, rule) for tag, rule in self.gone.items()]
        verdicts.sort(key=lambda item: item.tag)
        verdicts += [self.verdict("", digest, False, rule) for digest, rule in sorted(self.untagged.items())]
        return RepositoryPlan(
            self.repository.name,
            tuple(verdicts),
            tuple((tag, tags[tag].digest) for tag in sorted(self.gone)),
            tuple(tuple(group) for group in levels(doomed & self.manifests.keys(), self.manifests)),
            frozenset(self.needed),
        )

    def judge_images(self) -> None:
        """Protection and policy decide about the tags that are images of their own."""
        candidates: list[Candidate] = []
        for tag in self.repository.tags.values():
            manifest = self.manifests.get(tag.digest)
            if manifest is None or not manifest.understood:
                self.kept[tag.name] = f"unknown media type {manifest.media_type if manifest else ''}".rstrip()
            elif manifest.artifact_type == TOMBSTONE:
                self.gone[tag.name] = "left by an interrupted run"
            elif reason := protected(self.repository, tag.name, tag.digest, self.protection):
                self.kept[tag.name] = reason
            elif _subject(self.repository, tag.name) is None:
                built = created(tag.digest, self.manifests)
                candidates.append(Candidate(tag.name, tag.digest, tag.pushed, built))
            elif pattern := first_match(self.policy.keep_tags, tag.name):
                self.kept[tag.name] = f"keep_tags {pattern}"
        for name, opinion in judge(self.policy, candidates, self.now).items():
            (self.kept if opinion.keep else self.gone)[name] = opinion.rule

    def judge_companions(self) -> None:
        """Signatures, attestations and other referrers share the fate of their image; so do those of referrers."""
        companions: dict[str, str] = {}
        for tag in self.repository.tags:
            subject = _subject(self.repository, tag)
            if subject is not None and tag not in self.kept:
                companions[tag] = subject
        while found := [tag for tag, subject in companions.items() if subject in self.needed and tag not in self.kept]:
            self.kept.update({tag: f"belongs to {companions[tag][:19]}" for tag in found})
            self.needed |= self.reach(found)
        orphans = []
        for tag, subject in companions.items():
            if tag in self.kept:
                continue
            if subject in self.manifests:
                self.gone[tag] = "goes with its image"
            elif self.policy.remove_orphans:
                self.gone[tag] = "remove_orphans: its image is gone"
            else:
                self.kept[tag] = "its image is gone (remove_orphans is off)"
                orphans.append(tag)
        self.needed |= self.reach(orphans)

    def judge_untagged(self, revisions: Mapping[str, float]) -> None:
        """Decide about the manifests that no tag names or needs; only the store knows them all."""
        doomed = self.reach(self.gone)
        tagged = {tag.digest for tag in self.repository.tags.values()}
        kept: list[str] = []
        referrers: dict[str, str] = {}
        for digest, pushed in revisions.items():
            if digest in self.needed or digest in tagged:
                continue
            manifest = self.manifests.get(digest)
            if manifest is None or not manifest.understood or protected(self.repository, "", digest, self.protection):
                kept.append(digest)
            elif self.now - pushed < self.policy.min_age:
                kept.append(digest)  # perhaps a part of a push that is under way, even when it was here before
            elif manifest.subject:
                referrers[digest] = manifest.subject
            elif digest in doomed:
                continue  # goes with the tag
            elif digest in self.repository.leftovers:
                self.untagged[digest] = "left by an interrupted run"
            elif self.policy.remove_untagged:
                self.untagged[digest] = "untagged"
            else:
                kept.append(digest)
        self.needed |= closure(kept, self.manifests)
        self.judge_referrers(referrers, doomed)
        self.untagged = {digest: rule for digest, rule in self.untagged.items() if digest not in self.needed}

    def judge_referrers(self, referrers: dict[str, str], doomed: set[str]) -> None:
        """Let referrers without a tag (digest -> subject) stay with what stays, and go with what goes."""
        while found := [item for item, subject in referrers.items() if subject in self.needed - {item}]:
            self.needed |= closure(found, self.manifests)
            for digest in found:
                del referrers[digest]
        for digest, subject in referrers.items():
            if digest in doomed or subject in doomed or subject in self.untagged:
                self.untagged[digest] = "goes with its image"
            elif self.policy.remove_untagged:
                self.untagged[digest] = "untagged"
            else:
                self.needed |= closure([digest], self.manifests)

    def reach(self, tags: Iterable[str]) -> set[str]:
        return closure((self.repository.tags[tag].digest for tag in tags), self.manifests)

    def verdict(self, tag: str, digest: str, keep: bool, rule: str) -> Verdict:
        return Verdict(tag, digest, keep, rule, _time(self.repository, tag, digest, self.policy.age),
                       size_of(digest, self.manifests))  # fmt: skip


def protected(repository: Repository, tag: str, digest: str, protection: Protection) -> str:
    """Return why a tag or manifest must stay whatever the policy says, or an empty text."""
    if tag and (reason := protection.names.get(f"{repository.name}:{tag}")):
        return reason
    references = [f"{repository.name}@{digest}", *([f"{repository.name}:{tag}"] if tag else [])]
    for reference in references:
        if pattern := first_match(protection.references, reference):
            return f"protected: {pattern}"
    if not protection.digests:
        return ""
    for current in closure([digest], repository.manifests):
        manifest = repository.manifests.get(current)
        config = manifest.config.digest if manifest is not None and manifest.config is not None else ""
        if reason := protection.digests.get(current) or protection.digests.get(config):
            return reason
    return ""


def _subject(repository: Repository, tag: str) -> str | None:
    manifest = repository.manifests.get(repository.tags[tag].digest)
    return signed_digest(tag) or (manifest.subject if manifest is not None else None)


def _refusals(repository: Repository, policy: Policy, plan: RepositoryPlan, limits: Limits) -> list[str]:
    removed = len(plan.remove_tags)
    total = len(repository.tags)
    allow_empty = limits.allow_empty if policy.allow_empty is None else policy.allow_empty
    fraction = limits.max_fraction if policy.max_fraction is None else policy.max_fraction
    if not removed:
        return []
    images = [tag for tag in plan.kept if _subject(repository, tag) is None]
    if not images and not allow_empty:
        return [f"{repository.name}: all {total} tags would be removed; allow_empty permits that"]
    if removed > fraction * total and (images or fraction < 1):
        return [f"{repository.name}: {removed} of {total} tags would be removed, more than max_fraction={fraction:g}"]
    return []


def _untouched(repository: Repository, rule: str, problems: tuple[str, ...] = ()) -> RepositoryPlan:
    verdicts = tuple(
        Verdict(tag.name, tag.digest, True, rule, _time(repository, tag.name, tag.digest, "auto"),
                size_of(tag.digest, repository.manifests))
        for tag in repository.tags.values()
    )  # fmt: skip
    roots = [tag.digest for tag in repository.tags.values()] + list(repository.revisions or {})
    needed = frozenset(closure(roots, repository.manifests))
    return RepositoryPlan(repository.name, verdicts, needed=needed, problems=problems)


def _time(repository: Repository, tag: str, digest: str, age: str) -> float | None:
    pushed = repository.tags[tag].pushed if tag else (repository.revisions or {}).get(digest)
    return Candidate(tag, digest, pushed, created(digest, repository.manifests)).time(age)
