# Copyright (c) 2026, The labserver.jupyter authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What protects an image is its use: retention and the hub's catalogue together remove what nobody uses."""

from __future__ import annotations

import json
import typing as t
from datetime import UTC, datetime
from pathlib import Path

import pytest
from ansible_collections.labserver.jupyter.plugins.module_utils._catalogue import model as catalogue
from ansible_collections.labserver.jupyter.plugins.module_utils._registry import facts, plan, protect, uses
from ansible_collections.labserver.jupyter.plugins.module_utils._registry.manifest import Blob, Manifest
from ansible_collections.labserver.jupyter.plugins.module_utils._registry.policy import Policy

NOW = datetime(2026, 11, 20, 12, tzinfo=UTC).timestamp()
DAY = 86400.0
REPOSITORIES = ("leem/analysis", "notebook", "xps")


def digest(name: str) -> str:
    return "sha256:" + name.encode().hex().rjust(64, "0")[-64:]


def registry() -> list[facts.Repository]:
    """Three repositories of nine tags each, the last one the newest."""
    repositories = []
    for repository in REPOSITORIES:
        found = facts.Repository(repository)
        for number in range(1, 10):
            name = f"{repository}:{number}"
            config = Blob(digest(f"config {name}"), 1)
            built = NOW - (20 - number) * DAY
            manifest = Manifest(digest(name), "", 1, "image", config, created=built, complete=True)
            found.tags[str(number)] = facts.Tag(str(number), manifest.digest, built)
            found.manifests[manifest.digest] = manifest
        repositories.append(found)
    return repositories


class Host:
    """What lies on a lab server."""

    def __init__(self, folder: Path) -> None:
        self.sources = uses.Sources(
            (), [folder / "images.json"], folder / "named.json", folder / "choices.json", folder / "hub.json"
        )
        self.folder = folder

    def write(self, name: str, **content: t.Any) -> None:
        (self.folder / name).write_text(json.dumps({"version": 1, **content}))

    def catalogue(self, default: str) -> None:
        """The hub lists all tags of the registry; the newest of each repository cannot be started."""
        entries = []
        for repository in registry():
            for tag in repository.tags.values():
                label = {"created": f"2026-11-{tag.name.rjust(2, '0')}T00:00:00Z"}
                found = catalogue.Found(repository.name, tag.name, tag.digest, **label)
                entry = catalogue.entry(found, "127.0.0.1:5000", {})
                state = "broken" if tag.name == "9" else "ready"
                entries.append(catalogue.Entry(**{**vars(entry), "state": state}))
        (self.folder / "images.json").write_text(catalogue.document(entries, "", default))

    def kept(self, days: float = 90, containers: t.Sequence[dict[str, t.Any]] = ()) -> dict[str, str]:
        """Tag -> rule of what stays with ``keep_last: 1``."""
        here = ("lab1", [*containers, *uses.read(self.sources)])
        protection = protect.gather(in_use=[here], chosen_since=NOW - days * DAY)
        result = plan.compare(registry(), [Policy(keep_last=1)], now=NOW, can_untag=True, protection=protection)
        assert result.refusals == ()
        rules = {f"{one.name}:{item.tag}": item.rule for one in result.repositories for item in one.verdicts}
        return {f"{one.name}:{tag}": rules[f"{one.name}:{tag}"] for one in result.repositories for tag in one.kept}


@pytest.fixture
def host(tmp_path: Path) -> Host:
    return Host(tmp_path)


def test_what_the_hub_lists_goes_and_what_is_used_stays(host: Host) -> None:
    host.catalogue("notebook")
    host.write("named.json", images=[{"repository": "xps", "tag": "4"}])
    choice = {"user": "alice", "repository": "leem/analysis", "tag": "5", "digest": digest("leem/analysis:5")}
    host.write("choices.json", choices=[{**choice, "at": "2026-11-01T10:00:00+00:00"}])
    container = {"id": digest("config xps:2"), "digests": [], "references": [], "user": "jupyter-bob"}
    assert host.kept(containers=[container]) == {
        "leem/analysis:5": "chosen by alice on 2026-11-01 (lab1)",
        "leem/analysis:9": "keep_last=1",
        "notebook:8": "default image of the hub (lab1)",
        "notebook:9": "keep_last=1",
        "xps:2": "in use on lab1 by jupyter-bob",
        "xps:4": "named in images_notebooks (lab1)",
        "xps:9": "keep_last=1",
    }


def test_what_was_chosen_long_ago_goes(host: Host) -> None:
    choice = {"user": "alice", "repository": "xps", "tag": "5", "digest": digest("xps:5")}
    host.write("choices.json", choices=[{**choice, "at": "2026-11-01T10:00:00+00:00"}])
    assert "xps:5" in host.kept(days=30)
    assert "xps:5" not in host.kept(days=10)


def test_a_tag_that_was_moved_keeps_the_image_that_was_chosen(host: Host) -> None:
    choice = {"user": "alice", "repository": "xps", "tag": "9", "digest": digest("xps:3")}
    host.write("choices.json", choices=[{**choice, "at": "2026-11-01T10:00:00+00:00"}])
    assert "xps:3" in host.kept()


def test_the_default_image_may_be_one_tag_and_differ_by_group(host: Host) -> None:
    host.catalogue("notebook:3")
    assert [name for name in host.kept() if name.startswith("notebook")] == ["notebook:3", "notebook:9"]
    document = json.loads((host.folder / "images.json").read_text())
    document["default_image"] = "notebook"
    for image in document["images"]:
        image["groups"] = ["leem"] if image["tag"] == "2" else None
    (host.folder / "images.json").write_text(json.dumps(document))
    assert [name for name in host.kept() if name.startswith("notebook")] == ["notebook:2", "notebook:8", "notebook:9"]


def test_a_hub_that_has_not_told_what_people_chose_stops_the_pruning(host: Host) -> None:
    host.kept()  # a host without a hub
    (host.folder / "hub.json").write_text("{}")
    with pytest.raises(
        protect.ProtectionError, match=r"choices\.json is missing, and with it what people chose; start"
    ):
        host.kept()
    host.write("choices.json", choices=[])
    assert len(host.kept()) == 3


def test_a_hub_whose_catalogue_is_missing_stops_the_pruning(host: Host) -> None:
    host.write("choices.json", choices=[])
    host.write("hub.json", default_image="notebook:3")
    with pytest.raises(protect.ProtectionError, match=r"images\.json is missing, .* \(notebook:3\); start"):
        host.kept()
    host.catalogue("notebook:3")
    assert "notebook:3" in host.kept()
    (host.folder / "hub.json").write_text("{")
    with pytest.raises(protect.ProtectionError, match=r"hub\.json cannot be read"):
        host.kept()


@pytest.mark.parametrize("name", ["images.json", "named.json", "choices.json"])
@pytest.mark.parametrize(
    "text",
    ["", "[]", '{"version": 2}', '{"version": 1, "images": [{}], "choices": [{}]}', '{"version": 1, "images": 3}'],
)
def test_a_file_that_cannot_be_read_stops_the_pruning(host: Host, name: str, text: str) -> None:
    if name == "choices.json" and "3" in text:
        text = '{"version": 1, "choices": [{"repository": "a", "tag": "b"}]}'
    (host.folder / name).write_text(text)
    with pytest.raises(protect.ProtectionError, match=name):
        host.kept()
