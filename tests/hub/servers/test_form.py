# Copyright (c) 2026, The labserver.jupyter authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The form that starts a server: what stands on it, where, and for whom."""

from __future__ import annotations

import dataclasses
import datetime
import re
from typing import Any

from labhub.exchange.images import Image, parse_images
from labhub.exchange.roster import Limits, Person, parse_roster
from labhub.servers.form import Cards, Memory, Used, options_form
from labhub.servers.offer import Section, arrange, offered
from labhub.servers.server import Allowance
from samples import DIGEST, OTHER_DIGEST, image_document, images_document, roster_document, settings

NOW = datetime.datetime(2026, 11, 20, 12, tzinfo=datetime.UTC)
HUB = settings(default_image="notebook")


def person(**changes: Any) -> Person:
    """Mary-Ann, of the group xps, who may start any image."""
    return dataclasses.replace(parse_roster(roster_document()).people["mary-ann"], **changes)


def image(tag: str, number: int, **changes: Any) -> dict[str, Any]:
    digest = f"sha256:{number:064x}"
    return image_document(tag=tag, digest=digest, reference=f"127.0.0.1:5000/notebook@{digest}", **changes)


def images(*documents: dict[str, Any]) -> tuple[Image, ...]:
    return parse_images({"images": list(documents)})


def page(known: tuple[Image, ...], who: Person | None = None, used: Used | None = None, **more: Any) -> str:
    return options_form(who or person(), HUB, known, used or Used(), NOW, **more)


def arranged(known: tuple[Image, ...], **more: Any) -> tuple[Section, ...]:
    return arrange(offered(known, person(), "notebook"), person(), HUB, NOW, **more)


def test_one_image_is_no_choice() -> None:
    assert page(images(image_document())) == ""
    assert "gpus-1" in page(images(image_document()), cards=Cards(1, 1, "GPU 0: free"))


def test_who_may_have_several_servers_chooses_the_memory_of_each() -> None:
    small, large = Allowance(0.5, 512 << 20, 64), Allowance(2.0, 3 << 30, 900)
    found = page(images(image_document()), memory=Memory((large, small), small, "sim: 1 GiB"))
    assert '<option value="3072">3 GiB, 2 cores</option>' in found
    assert '<option value="512" selected>512 MiB, 0.5 cores</option>' in found
    assert "These run: sim: 1 GiB." in found
    none = page(images(image_document()), memory=Memory((), small, "", "Nothing is left."), cards=Cards(1, 1, "free"))
    assert "Nothing is left." in none and "<select" not in none and "gpus-1" not in none
    assert "#spawn_form button[type=submit] { display: none }" in none


def test_images_stand_in_sections_by_group_and_tags_below_the_newest() -> None:
    sections = arranged(
        images(
            image("1.0", 1, created="2026-11-01T00:00:00Z"),
            image("1.1", 2, created="2026-11-10T00:00:00Z"),
            image("2.0", 3, repository="steps", title="Steps", groups=["xps", "leem"]),
        )
    )
    assert [(one.groups, [[row.image.name for row in family.rows] for family in one.families]) for one in sections] == [
        ((), [["notebook:1.1", "notebook:1.0"]]),
        (("xps",), [["steps:2.0"]]),
    ]
    html = page(images(image("1.0", 1), image("2.0", 3, repository="steps", groups=["xps"])))
    assert "For the group xps" in html and "For everybody" in html and "older version" not in html


def test_an_older_tag_that_was_used_last_is_not_hidden() -> None:
    known = images(image("1.0", 1, created="2026-11-01T00:00:00Z"), image("1.1", 2, created="2026-11-10T00:00:00Z"))
    assert '<details class="ms-4 mb-2 lab-older" open>' in page(known, used=Used("notebook:1.0"))
    html = page(known, used=Used("notebook:1.1"))
    assert '<details class="ms-4 mb-2 lab-older">' in html
    assert html.count("you used last") == 1 and html.count(" checked") == 1


def test_new_is_what_was_made_lately_and_not_used_yet() -> None:
    known = images(
        image("1", 1, created="2026-11-19T00:00:00Z"),
        image("2", 2, created="2026-11-19T00:00:00Z"),
        image("3", 3, created="2026-10-19T00:00:00Z"),
        image("4", 4, created="nonsense"),
    )
    (section,) = arranged(known, used={f"sha256:{2:064x}"})
    found = {row.image.tag: (row.new, row.age_days) for family in section.families for row in family.rows}
    assert found == {"1": (True, 1), "2": (False, 1), "3": (False, 32), "4": (False, None)}


def test_limits_are_those_of_the_person_and_told_again_where_an_image_asks_for_less() -> None:
    html = page(
        images(image("1", 1, size_bytes=3 << 29), image("2", 2, limits={"memory_bytes": 1 << 29})),
        person(limits=Limits(cpu=1.5, memory_bytes=4 << 30)),
    )
    assert "up to 1.5 cores and 4 GiB of memory" in html
    assert html.count("at most 1.5 cores, 512 MiB of memory") == 1
    assert "1.5 GiB," in html


def test_broken_images_are_told_to_those_who_can_mend_them() -> None:
    known = images(*images_document()["images"], image("3.0", 9, state="broken", reason="<it> lacks", groups=["xps"]))
    assert "notebook:2.0" not in page(known), "an image for everybody is none of hers"
    assert "<code>notebook:3.0</code>: &lt;it&gt; lacks" in page(known)
    html = page(known, person(admin=True))
    assert "<code>notebook:2.0</code>: jupyterhub-singleuser cannot start in it" in html
    assert "2 images that cannot be started yet" in html
    pulled = page(images(image("1", 1), image("2", 2, state="pulling", reason="")), person(admin=True))
    assert "it is being downloaded" in pulled


def test_who_may_start_nothing_reads_so_and_has_no_button() -> None:
    html = page(images(*images_document()["images"]), person(limits=Limits(images=("nothing-like-it",))))
    assert "None of the 2 images of this server is for you" in html and "button[type=submit] { display: none }" in html
    assert "No image is ready on this server." in page(())


def test_an_image_that_is_gone_is_named_once_without_what_it_may_do_to_the_page() -> None:
    known = images(image("1", 1), image("2", 2))
    html = page(known, used=Used("old:1<script>\x1b[2J" + "x" * 500))
    assert "old:1&lt;script&gt;?[2Jx" in html and "x" * 150 not in html
    assert html.count(" checked") == 1


def test_words_of_images_are_only_words() -> None:
    known = images(
        image("1", 1, title="<b>T</b>", description="<i>d</i>"),
        image("2", 2, changes={"since": "notebook:<0>", "summary": "a 1 -> 2", "lines": ["<b>"]}),
    )
    html = page(known)
    assert "&lt;b&gt;T&lt;/b&gt;" in html and "&lt;i&gt;d&lt;/i&gt;" in html
    assert "<code>notebook:&lt;0&gt;</code>: a 1 -&gt; 2</summary>" in html and "<li>&lt;b&gt;</li>" in html


def test_tags_that_differ_only_in_case_are_two_images() -> None:
    known = images(*(image_document(tag=tag, digest=digest, reference=f"127.0.0.1:5000/notebook@{digest}")
                     for tag, digest in (("Big", DIGEST), ("big", OTHER_DIGEST))))  # fmt: skip
    for tag in ("Big", "big"):
        html = page(known, used=Used(f"notebook:{tag}"))
        assert re.findall(r"value='([^']*)' checked", html) == [f"notebook:{tag}"]


def test_each_choice_has_its_label() -> None:
    html = page(images(image("1", 1), image("2", 2)), cards=Cards(2, 1, "GPU 0: free, GPU 1: free"))
    ids = re.findall(r"<input[^>]* id='([^']*)'", html)
    assert len(ids) == 5 and sorted(ids) == sorted(re.findall(r"<label[^>]* for=\"([^\"]*)\"", html))
