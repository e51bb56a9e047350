# Copyright (c) 2026, The labserver.jupyter authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""images.json: what can be started, from the catalogue's service to the spawn form, the guard and the registry."""

from __future__ import annotations

import dataclasses
from pathlib import Path
from typing import Any

import pytest
from ansible_collections.labserver.jupyter.plugins.module_utils._builds import job as builds_job
from ansible_collections.labserver.jupyter.plugins.module_utils._catalogue import cli
from ansible_collections.labserver.jupyter.plugins.module_utils._catalogue import model as catalogue_model
from ansible_collections.labserver.jupyter.plugins.module_utils._hub import upgrade
from ansible_collections.labserver.jupyter.plugins.module_utils._status import rooms
from contract import Meets, Reader, check, reading, validate
from image_writers import catalogue
from labhub.exchange.settings import Settings
from labhub.guard import calls, policy
from labhub.servers import names, offer, server
from places import hub_file, hub_sources, uses
from writers import DIGEST, people, put

PATH = "var/lib/labserver/catalogue/images.json"


def table(root: Path) -> str:
    """As ``labserver catalogue --list`` shows it."""
    return cli.table(catalogue_model.read((root / PATH).read_text(encoding="utf-8")))


def protected(root: Path) -> Any:
    """What a host tells the registry: the hub's default image stays."""
    return uses(catalogue=root / PATH)


def bases(root: Path) -> Any:
    """On what people's images may be made, and for whom it is."""
    return [(one.repository, one.digest, one.state, one.groups) for one in builds_job.read_images(root)]


READERS = [
    Reader("labhub/exchange", hub_file(lambda sources: sources.images), Meets.KEEPS, Meets.KEEPS),
    Reader("_catalogue", reading(table), missing=Meets.REFUSES),
    Reader("_registry", reading(protected), nothing=[]),
    Reader("_status", reading(rooms.registry), nothing=[]),
    Reader("_builds", reading(bases), missing=Meets.REFUSES),
    Reader("_hub", reading(lambda root: upgrade.ready_images(root / PATH)), nothing=()),
]


@pytest.mark.parametrize("reader", READERS, ids=lambda reader: reader.room)
def test_readers_meet_what_is_not_as_it_should_be(reader: Reader, tmp_path: Path) -> None:
    check(reader, tmp_path, catalogue(), PATH, "images")


def test_what_is_written_fits_the_schema() -> None:
    validate(catalogue(), PATH, "images")


def test_an_upgrade_names_what_is_ready(tmp_path: Path) -> None:
    put(tmp_path, catalogue())
    assert [words.split(" of ")[0] for words in upgrade.ready_images(tmp_path / PATH)] == ["notebook:1.0"]


def test_people_are_offered_what_is_ready_and_told_why_the_rest_is_not(tmp_path: Path) -> None:
    put(tmp_path, {**people(), **catalogue()})
    sources = hub_sources(tmp_path)
    images, roster = sources.images.current(), sources.roster.current()
    mira, carla = roster.people["mira"], roster.people["carla"]
    offered = offer.offered(images, mira, "notebook")
    assert [(image.name, image.title, image.digest) for image in offered] == [("notebook:1.0", "Notebook", DIGEST)]
    assert offered[0].limits == {"pids": 256.0}
    assert offer.offered(images, carla, "notebook") == [], "the label of the image names groups, and she has none"
    assert offer.withheld(images, carla) == [], "she can mend nothing"
    broken = offer.withheld(images, dataclasses.replace(carla, admin=True))
    assert [(image.name, image.state) for image in broken] == [("steps:1.0", "broken")]
    assert "no notebook server answered" in broken[0].reason


def test_what_nobody_signed_is_not_offered_and_the_guard_makes_no_container_of_it(tmp_path: Path) -> None:
    """So a hub that was taken over gets no other image than a signed one started; the guard reads the same file."""
    for signed, refused in ((False, ""), (True, "Image has a value that is not allowed")):
        root = tmp_path / str(signed)
        put(root, {**people(), **catalogue(signed=signed)})
        sources, settings = hub_sources(root), Settings()
        roster, images = sources.roster.current(), sources.images.current()
        (image,) = [one for one in images if one.digest == DIGEST]
        mira = roster.people["mira"]
        assert bool(offer.offered(images, mira, "notebook")) == (not signed)
        assert image.reason == ("it is not signed by any of: lab-2026" if signed else "")
        host = server.host_config(settings, roster, mira, server.allowance(settings, mira, image), [])
        body = server.create_body(mira, image, {}, ["jupyterhub-singleuser"], host, port=8888)
        said = ""
        try:
            policy.check_create(policy.World(settings, roster, (), images), names.container(settings, mira), body)
        except calls.RefusedError as error:
            said = str(error)
        assert said == refused
    assert [one.reason for one in offer.withheld(images, dataclasses.replace(mira, admin=True))] != []


def test_the_program_lists_the_same(tmp_path: Path) -> None:
    put(tmp_path, catalogue())
    lines = table(tmp_path).splitlines()
    assert [line.split()[:2] for line in lines] == [["notebook:1.0", "ready"], ["steps:1.0", "broken"]]


def test_the_registry_keeps_what_people_get_who_choose_nothing(tmp_path: Path) -> None:
    put(tmp_path, catalogue())
    (kept,) = protected(tmp_path)
    assert (kept["digests"], kept["references"]) == ([DIGEST], ["notebook:1.0"])


def test_people_are_told_what_changed_in_a_tag_that_was_moved(tmp_path: Path) -> None:
    put(tmp_path, {**people(), **catalogue()})
    (image,) = [one for one in hub_sources(tmp_path).images.current() if one.repository == "notebook"]
    assert image.changes is not None
    assert (image.changes.since, image.changes.summary) == (
        "notebook:1.0 before",
        "numpy 2.1.0 \N{RIGHTWARDS ARROW} 2.3.1",
    )
