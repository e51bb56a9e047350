# Copyright (c) 2026, The labserver.jupyter authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What manifests say, and what follows for what has to stay."""

from __future__ import annotations

import dataclasses
import json
import typing as t

import pytest
from ansible_collections.labserver.jupyter.plugins.module_utils._registry import cache, facts, manifest, model, plan
from ansible_collections.labserver.jupyter.plugins.module_utils._registry.policy import Policy
from ansible_collections.labserver.jupyter.plugins.module_utils._registry.protocol import RawManifest, digest_of

A, B, C = ("sha256:" + letter * 64 for letter in "abc")
IMAGE_CONFIG = "application/vnd.oci.image.config.v1+json"
NOW = 1_780_000_000.0


def parse(document: t.Any, media_type: str = "") -> manifest.Manifest:
    body = document if isinstance(document, bytes) else json.dumps(document).encode()
    return manifest.parse(RawManifest(digest_of(body), media_type, body))


def image(**more: t.Any) -> dict[str, t.Any]:
    config = {"mediaType": IMAGE_CONFIG, "digest": A, "size": 7}
    return {"schemaVersion": 2, "config": config, "layers": [{"digest": B, "size": 5}], **more}


def test_image_without_media_type_in_the_document() -> None:
    found = parse(image())
    assert (found.kind, found.media_type) == ("image", "application/vnd.oci.image.manifest.v1+json")
    assert list(found.blobs) == [(A, 7), (B, 5)]
    assert not found.complete and found.has_image_config


def test_artifact_with_subject() -> None:
    found = parse(image(subject={"digest": C}, artifactType="application/spdx+json"))
    assert (found.kind, found.subject, found.artifact_type) == ("artifact", C, "application/spdx+json")


def test_index_with_attestation() -> None:
    attestation = {"vnd.docker.reference.type": "attestation-manifest"}
    entries = [
        {"digest": A, "platform": {"os": "linux", "architecture": "arm", "variant": "v7"}},
        {"digest": B, "annotations": attestation},
    ]
    found = parse({"schemaVersion": 2, "manifests": entries})
    assert found.children == (manifest.Child(A, "linux/arm/v7", False), manifest.Child(B, "", True))


@pytest.mark.parametrize(
    ("document", "kind"),
    [
        ({"schemaVersion": 1, "fsLayers": [{"blobSum": A}]}, "schema1"),
        ({"mediaType": "application/vnd.example+json", "needs": [A]}, "unknown"),
        (b"not json " + A.encode(), "unknown"),
        ([A], "unknown"),
        ({"schemaVersion": 2, "config": {"digest": "md5:1"}, "layers": [{"digest": A, "size": 1}]}, "unknown"),
        ({"schemaVersion": 2, "manifests": [{"digest": A}, {"size": 4}]}, "unknown"),
    ],
)
def test_what_is_not_understood_needs_all_it_mentions(document: t.Any, kind: str) -> None:
    found = parse(document)
    assert found.kind == kind and not found.understood
    assert [child.digest for child in found.children] == [A]


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("2026-01-02T03:04:05Z", 1767323045.0),
        ("2026-01-02T03:04:05.5Z", 1767323045.5),
        ("2026-01-02T03:04:05.123456789+01:00", 1767323045.123456789 - 3600),
        ("1970-01-01T00:00:00Z", None),
        ("1980-01-01T00:00:01Z", None),
        ("0001-01-01T00:00:00Z", None),
        ("2099-01-01T00:00:00Z", None),
        ("yesterday", None),
        ("2026-13-45T00:00:00Z", None),
        (None, None),
        (5, None),
    ],
)
def test_times_that_cannot_be_true_are_unknown(text: object, expected: float | None) -> None:
    assert manifest.timestamp(text, NOW) == (pytest.approx(expected) if expected else None)


def test_cache_returns_what_was_kept_and_survives_rubbish(tmp_path: t.Any) -> None:
    path = tmp_path / "cache.jsonl"
    kept = cache.Cache(path)
    kept.add(manifest.with_config(parse(image()), {"os": "linux", "architecture": "amd64"}, NOW))
    kept.add(parse({"schemaVersion": 2, "manifests": [{"digest": A}]}))
    kept.add(unread := parse(image(annotations={"not": "complete"})))
    kept.pending["r"] = [C]
    kept.save()
    again = cache.Cache(path)
    assert again.manifests == kept.manifests and len(again.manifests) == 3
    assert again.pending == {"r": [C]}
    # Without its configuration a manifest is an answer only for who does not ask for the time of the build.
    assert again.get(unread.digest) is None and again.get(unread.digest, complete=False) == unread
    path.write_text(path.read_text()[:-20])
    assert cache.Cache(path).manifests == {}
    path.write_text("rubbish")
    assert cache.Cache(path).pending == {}


def test_levels_put_parents_and_subjects_first() -> None:
    child = parse(image())
    index = parse({"schemaVersion": 2, "manifests": [{"digest": child.digest}]})
    outer = parse({"schemaVersion": 2, "manifests": [{"digest": index.digest}]})
    signature = parse(image(subject={"digest": child.digest}))
    known = {item.digest: item for item in (child, index, outer, signature)}
    assert facts.levels(set(known), known) == [[outer.digest], [index.digest], [child.digest], [signature.digest]]


def repository(**things: manifest.Manifest) -> facts.Repository:
    found = facts.Repository("r")
    for number, (tag, thing) in enumerate(things.items()):
        found.tags[tag] = facts.Tag(tag, thing.digest, NOW - (number + 1) * 86400)
        found.manifests[thing.digest] = thing
    return found


def make(found: facts.Repository, can_untag: bool = True, **more: t.Any) -> model.RepositoryPlan:
    policy = more.pop("policy", Policy(keep_last=1))
    limits = model.Limits(max_fraction=1, allow_empty=True)
    result = plan.compare([found], [policy], now=NOW, can_untag=can_untag, limits=limits, **more)
    return result.repositories[0]


def done(document: dict[str, t.Any]) -> manifest.Manifest:
    parsed = parse(document)
    return manifest.with_config(parsed, {}, NOW) if parsed.has_image_config else parsed


OLD = done(image(annotations={"a": "old"}))


def test_kept_index_keeps_its_tagged_child() -> None:
    child = done(image())
    index = parse({"schemaVersion": 2, "manifests": [{"digest": child.digest}]})
    found = repository(index=index, child=child)
    assert make(found, can_untag=False).remove_tags == ()
    untagging = make(found, can_untag=True)
    assert untagging.remove_tags == (("child", child.digest),) and untagging.doomed == []


def test_signature_shares_the_fate_of_its_image() -> None:
    new, old = done(image()), done(image(annotations={"a": "old"}))
    names = {item: item.digest.replace(":", "-") + ".sig" for item in (new, old)}
    signatures = {name: done(image(annotations={"s": name})) for name in names.values()}
    result = make(repository(new=new, old=old, **signatures))
    assert set(result.kept) == {"new", names[new]}
    assert {tag for tag, _digest in result.remove_tags} == {"old", names[old]}


@pytest.mark.parametrize(
    "why",
    [
        {"protection": model.Protection(references=(f"r@{OLD.digest}",))},
        {"protection": model.Protection(digests={OLD.digest: "in use by mira"})},
        {"policy": Policy(keep_last=1, min_age=3600.0)},
        {"policy": Policy(keep_last=1, remove_untagged=False)},
    ],
    ids=["protected", "in use", "young", "untagged stay"],
)
@pytest.mark.parametrize("orphans", [True, False])
def test_signature_of_an_image_that_stays_without_a_tag_stays(why: dict[str, t.Any], orphans: bool) -> None:
    """Its tag was moved, and is moved back later: then it must not lack its signature."""
    new, name = done(image()), OLD.digest.replace(":", "-") + ".sig"
    found = repository(new=new, **{name: done(image(annotations={"s": "s"}))})
    found.manifests[OLD.digest] = OLD
    found.revisions = dict.fromkeys(found.manifests, NOW - 60.0)
    policy = dataclasses.replace(why.get("policy", Policy(keep_last=1)), remove_orphans=orphans)
    result = make(found, **{**why, "policy": policy})
    assert set(result.kept) == {"new", name} and result.doomed == []
    found.revisions = dict.fromkeys(found.manifests, 0.0)
    assert set(make(found).kept) == {"new"} and set(make(found).doomed) == {OLD.digest, found.tags[name].digest}


def test_signature_of_an_image_that_goes_without_a_tag_goes() -> None:
    """Also where the registry is only asked, which does not tell what has no tag, unless something runs from it."""
    name = OLD.digest.replace(":", "-") + ".sig"
    found = repository(new=done(image()), **{name: done(image(annotations={"s": "s"}))})
    policy = Policy(keep_last=1, remove_orphans=True)
    assert set(make(found, policy=policy).kept) == {"new"}
    used = model.Protection(digests={OLD.digest: "in use by mira"})
    assert set(make(found, policy=policy, protection=used).kept) == {"new", name}


def test_list_of_referrers_keeps_its_untagged_children_on_the_store() -> None:
    new = done(image())
    referrer = done(image(annotations={"r": "r"}, subject={"digest": "sha256:" + 64 * "9"}))
    listing = parse({"schemaVersion": 2, "manifests": [{"digest": referrer.digest}]})
    found = repository(new=new, **{new.digest.replace(":", "-"): listing})
    found.manifests[referrer.digest] = referrer
    found.revisions = dict.fromkeys(found.manifests, 0.0)
    assert make(found).doomed == []


def test_orphans_stay_unless_told() -> None:
    orphan = "sha256-" + 64 * "f" + ".sig"
    found = repository(new=done(image()), **{orphan: done(image(annotations={"s": "s"}))})
    assert set(make(found).kept) == {"new", orphan}
    assert set(make(found, policy=Policy(keep_last=1, remove_orphans=True)).kept) == {"new"}


@pytest.mark.parametrize(
    "protection",
    [
        model.Protection(
            digests={A: "in use on lab1 by jupyter-alice"}
        ),  # the digest of the configuration: an image's id
        model.Protection(names={"r:old": "default image of the hub (lab1)"}),
        model.Protection(references=("r:o*",)),
        model.Protection(references=("**@sha256:*",)),
    ],
)
def test_protected_images_stay(protection: model.Protection) -> None:
    new, old = done(image(config={"mediaType": IMAGE_CONFIG, "digest": C, "size": 1})), done(image())
    found = repository(new=new, old=old)
    assert set(make(found).kept) == {"new"}
    assert set(make(found, protection=protection).kept) == {"new", "old"}


def test_unreadable_repository_is_left_alone() -> None:
    found = repository(new=done(image()), old=done(image(annotations={"a": "b"})))
    found.problems.append("manifest x: 500")
    result = make(found)
    assert result.remove_tags == () and result.problems == ("manifest x: 500",)


def test_guards() -> None:
    things = {f"t{number}": done(image(annotations={"n": str(number)})) for number in range(10)}
    found = repository(**things)
    limits = model.Limits(max_removals=5, max_fraction=0.5)
    result = plan.compare([found], [Policy(keep_last=1)], now=NOW, can_untag=True, limits=limits)
    assert result.refusals == (
        "r: 9 of 10 tags would be removed, more than max_fraction=0.5",
        "9 tags would be removed, more than max_removals=5",
    )
    everything = plan.compare([found], [Policy(remove_tags=("*",))], now=NOW, can_untag=True)
    assert everything.refusals == ("r: all 10 tags would be removed; allow_empty permits that",)


def test_an_index_of_layers_lists_blobs_and_unknown_types_may_be_either() -> None:
    """BuildKit's cache (before 0.21), and a type that does not exist yet."""
    kinds = {
        A: "application/vnd.oci.image.layer.v1.tar+zstd",
        B: "application/vnd.buildkit.cacheconfig.v0",
        C: "application/vnd.lab.next.v1+json",
    }
    entries = [{"mediaType": kind, "digest": digest, "size": 5} for digest, kind in kinds.items()]
    found = parse({"schemaVersion": 2, "manifests": entries})
    assert [blob.digest for blob in found.blobs] == [A, B]
    assert [(child.digest, child.uncertain) for child in found.children] == [(C, True)]
    assert facts.closure([found.digest], {found.digest: found}) == {found.digest}
    assert C in facts.closure([found.digest], {found.digest: found, C: done(image())})
