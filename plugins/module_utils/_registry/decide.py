# Copyright (c) 2026, The labserver.jupyter authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Decides about one repository: which tags and manifests go, which stay, and by which rule. Pure.

Protection goes by closure, not by tag: what any kept tag, kept index or container needs stays, however it is tagged.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping

from .facts import Repository, closure, created, levels, size_of
from .manifest import signed_digest
from .model import TOMBSTONE, Protection, RepositoryPlan, Verdict
from .patterns import first_match
from .policy import Candidate, Policy, judge


class Decision:
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
        revisions = {**dict.fromkeys(self.repository.leftovers, 0.0), **(self.repository.revisions or {})}
        self.judge_companions(self.untagged_that_stay(revisions))
        self.judge_untagged(revisions)
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
            elif subject_of(self.repository, tag.name) is None:
                built = created(tag.digest, self.manifests)
                candidates.append(Candidate(tag.name, tag.digest, tag.pushed, built))
            elif pattern := first_match(self.policy.keep_tags, tag.name):
                self.kept[tag.name] = f"keep_tags {pattern}"
        for name, opinion in judge(self.policy, candidates, self.now).items():
            (self.kept if opinion.keep else self.gone)[name] = opinion.rule

    def judge_companions(self, untagged: set[str]) -> None:
        """Signatures, attestations and other referrers share the fate of their image; so do those of referrers.

        ``untagged``: digests of images that stay though no tag names them.
        """
        companions: dict[str, str] = {}
        for tag in self.repository.tags:
            subject = subject_of(self.repository, tag)
            if subject is not None and tag not in self.kept:
                companions[tag] = subject
        staying = {subject for subject in companions.values() if self.spared(subject)} | untagged
        while found := [
            tag
            for tag, subject in companions.items()
            if tag not in self.kept and (subject in self.needed or subject in staying)
        ]:
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

    def untagged_that_stay(self, revisions: Mapping[str, float]) -> set[str]:
        """Return what stays without a tag, in use or young. Tagged again, it must not lack its signature."""
        doomed = self.reach(self.gone)
        tagged = {tag.digest for tag in self.repository.tags.values()}
        stays = [item for item, pushed in revisions.items() if item not in tagged and self.stays(item, pushed, doomed)]
        return closure(stays, self.manifests)

    def stays(self, digest: str, pushed: float, doomed: set[str]) -> bool:
        """Tell whether a manifest without a tag stays; ``doomed`` is what goes with a tag. Referrers are not meant."""
        manifest = self.manifests.get(digest)
        if manifest is None or not manifest.understood or self.spared(digest):
            return True
        if self.now - pushed < self.policy.min_age:
            return True  # perhaps a part of a push that is under way, even when it was here before
        if manifest.subject or digest in doomed or digest in self.repository.leftovers:
            return False
        return not self.policy.remove_untagged

    def spared(self, digest: str) -> bool:
        """Tell whether the protection names a digest."""
        return bool(protected(self.repository, "", digest, self.protection))

    def judge_untagged(self, revisions: Mapping[str, float]) -> None:
        """Decide about the manifests that no tag names or needs; only the store knows them all."""
        doomed = self.reach(self.gone)
        tagged = {tag.digest for tag in self.repository.tags.values()}
        kept: list[str] = []
        referrers: dict[str, str] = {}
        for digest, pushed in revisions.items():
            if digest in self.needed or digest in tagged:
                continue
            if self.stays(digest, pushed, doomed):
                kept.append(digest)
            elif subject := self.manifests[digest].subject:
                referrers[digest] = subject
            elif digest in self.repository.leftovers and digest not in doomed:
                self.untagged[digest] = "left by an interrupted run"
            elif digest not in doomed:  # else it goes with the tag
                self.untagged[digest] = "untagged"
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
        return Verdict(tag, digest, keep, rule, time_of(self.repository, tag, digest, self.policy.age),
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


def subject_of(repository: Repository, tag: str) -> str | None:
    """Return the digest of what a tag is about (a signature, an attestation, a referrer); None for an image."""
    manifest = repository.manifests.get(repository.tags[tag].digest)
    return signed_digest(tag) or (manifest.subject if manifest is not None else None)


def time_of(repository: Repository, tag: str, digest: str, age: str) -> float | None:
    """Return the time that counts as the age of a tag, or of a manifest when ``tag`` is empty."""
    pushed = repository.tags[tag].pushed if tag else (repository.revisions or {}).get(digest)
    return Candidate(tag, digest, pushed, created(digest, repository.manifests)).time(age)
