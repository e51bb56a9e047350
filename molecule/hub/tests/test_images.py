# Copyright (c) 2026, The labserver.jupyter authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Images at the hub: what is pushed is tried, and what works can be chosen, without a restart."""

from __future__ import annotations

import html
import typing as t

from conftest import SINGLEUSER, catalogue, push, script
from long_tests import long


def test_the_scenario_offers_an_image(lab: t.Any) -> None:
    lab.until("the first image", lambda: catalogue(lab)["notebook:latest"]["state"] == "ready", 60)


def test_what_is_pushed_can_be_chosen_without_a_restart(lab: t.Any, pusher: None) -> None:
    bob = lab.without_server("bob")
    # One that never comes up, pushed first: nobody waits for it.
    push(lab, "endless", 'ENTRYPOINT ["/bin/sh", "-c", "sleep 3600"]')
    push(lab, "fresh", 'LABEL org.labserver.title="Fresh"')
    # How long it takes depends on how busy the machine is: it is printed, not asserted. The page is asked afterwards:
    # while there is only one image it has no form, and asking for it starts that image.
    took = lab.until("it was tried", lambda: catalogue(lab).get("fresh:1", {}).get("state") == "ready", 60)
    print(f"ready {took:.1f} s after the push")
    assert catalogue(lab)["endless:1"]["state"] == "pulling"
    assert "fresh:1" in bob.images()
    bob.start("fresh:1")
    bob.wait_ready()
    assert "fresh@sha256:" in lab.sh("docker inspect --format '{{.Config.Image}}' jupyter-bob")
    bob.stop()


def test_tags_that_differ_only_in_case_are_two_images(lab: t.Any, pusher: None) -> None:
    for tag in ("Case", "case"):
        push(lab, "letters", f'LABEL org.labserver.title="{tag}"', tag)
    names = {"letters:Case", "letters:case"}
    lab.until("both", lambda: {name for name, one in catalogue(lab).items() if one["state"] == "ready"} >= names, 60)
    assert names <= set(lab.person("bob").images())
    found = catalogue(lab)
    assert found["letters:Case"]["digest"] != found["letters:case"]["digest"]


def test_an_image_that_cannot_run_a_server_is_not_offered(lab: t.Any, pusher: None) -> None:
    group = 'LABEL org.labserver.groups="xps"\n'
    push(lab, "empty", f"{group}USER 0\nRUN rm {SINGLEUSER}")
    # Tells its version, and ends when it has to serve.
    push(lab, "crashing", group + script('[ "$1" = --version ] && exec real "$@"', "echo a library is missing; exit 3"))
    wanted = {"empty:1": "jupyterhub-singleuser", "crashing:1": "(status 3): a library is missing"}
    for name, why in wanted.items():
        lab.until(f"{name} was tried", lambda name=name: catalogue(lab).get(name, {}).get("state") == "broken", 60)
        told = lab.sh("labserver catalogue --list")
        assert why in next(line for line in told.splitlines() if line.startswith(name)), told
    bob = lab.without_server("bob")
    page = html.unescape(bob.get("/hub/spawn", allow_redirects=False).text)
    assert not set(wanted) & set(bob.images())
    assert all(f"<code>{name}</code>: " in page and why in page for name, why in wanted.items()), "the group sees why"
    others = lab.without_server("mary-ann").get("/hub/spawn", allow_redirects=False).text
    assert not any(name in others for name in wanted), "who can mend nothing is told nothing"


@long("soak-long")
def test_an_image_that_never_comes_up_was_tried_for_a_bounded_time(lab: t.Any) -> None:
    lab.until("it was tried", lambda: catalogue(lab)["endless:1"]["state"] == "broken", 90)
    assert "no notebook server answered in it within 60 seconds" in catalogue(lab)["endless:1"]["reason"]
    assert "labserver-trial" not in lab.sh("docker ps -a --format '{{.Names}}'")
