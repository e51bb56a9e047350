# Copyright (c) 2026, The labserver.jupyter authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A server that does not start: the person reads why, and so does the administrator."""

from __future__ import annotations

import json
import typing as t

import pytest
from conftest import NOTEBOOK, catalogue, push, script
from hub_client import HubClient

CAUSES = {
    "quota": ("echo Disk quota exceeded; exit 1", "Your disk quota is full", "Disk quota exceeded"),
    "memory": (
        "exec python3 -c 'len(b\"x\" * (900 << 20))'",
        "The server ran out of memory while it started (limit 512 MiB)",
        "",
    ),
    "image": ("exec /no/such/server", "The image has no notebook server", "/no/such/server"),
    "exit": ("echo goodbye; exit 3", "The server stopped by itself with exit code 3", "goodbye"),
}


@pytest.fixture(scope="module")
def failing(lab: t.Any, pusher: None) -> str:
    """Push an image that passes the trial and then fails as the person's home says."""
    for_trial = '[ "$JUPYTERHUB_USER" = labserver-trial ] && exec real "$@"'
    push(lab, "failing", script(for_trial, 'exec sh "$HOME/.cause"'))
    lab.until("it is offered", lambda: catalogue(lab).get("failing:1", {}).get("state") == "ready", 60)
    return "failing:1"


def failure(lab: t.Any, person: HubClient, image: str) -> tuple[str, dict[str, t.Any]]:
    """Start a server that fails; return the words on the page, and what the administrator reads."""
    person.start(image)
    lab.until("it failed", lambda: person.server() is None, 60)
    assert not lab.running(person.name)
    return person.failure(), json.loads(lab.sh("tail -n 1 /srv/labserver/hub/state/failures.jsonl"))


@pytest.mark.parametrize("cause", CAUSES)
def test_a_start_that_fails_is_explained(lab: t.Any, failing: str, cause: str) -> None:
    commands, sentence, last_line = CAUSES[cause]
    bob = lab.without_server("bob")
    lab.write("/home/jupyter-bob/.cause", commands + "\n")
    words, kept = failure(lab, bob, failing)
    assert sentence in words
    assert last_line in words, "the last lines of the log are shown"
    assert (kept["user"], kept["reason"], kept["image"]) == ("bob", cause, failing)
    assert last_line in "\n".join(kept["log"])


def test_a_limit_that_is_too_low_is_explained(lab: t.Any) -> None:
    bob = lab.without_server("bob")
    lab.edit_roster(lambda roster: roster["users"]["bob"]["limits"].update(memory_bytes=16 << 20))
    try:
        words, kept = failure(lab, bob, NOTEBOOK)
        assert "The memory limit is too low to start anything" in words
        assert kept["reason"] == "limit"
    finally:
        lab.edit_roster(lambda roster: roster["users"]["bob"].update(limits={}))


def test_a_share_that_is_away_is_explained(lab: t.Any) -> None:
    bob, path = lab.without_server("bob"), "/etc/labserver/public/shares.json"
    data = {"type": "cifs", "mount_point": "/srv/labserver/shares/data/files", "path": "/mnt/data", "others": "none",
            "bind": "/srv/labserver/shares/data", "access": {"xps": "rw"}, "when_absent": "refuse"}  # fmt: skip
    lab.write(f"{path}.new", json.dumps({"version": 1, "shares": {"data": data}}))
    lab.sh(f"mkdir -p /srv/labserver/shares/data/files && mv {path}.new {path}")
    try:
        bob.start(NOTEBOOK)
        lab.until("it failed", lambda: bob.server() is None, 60)
        assert "The shared folder data is not available" in bob.failure()
        kept = json.loads(lab.sh("tail -n 1 /srv/labserver/hub/state/failures.jsonl"))
        assert (kept["user"], kept["reason"]) == ("bob", "share"), "the administrator hears of it as well"
    finally:
        lab.write(f"{path}.new", json.dumps({"version": 1, "shares": {}}))
        lab.sh(f"mv {path}.new {path}")


def test_an_image_that_is_deleted_while_it_is_chosen_is_explained(lab: t.Any, failing: str) -> None:
    bob = lab.without_server("bob")
    reference = catalogue(lab)[failing]["reference"]
    assert failing in bob.images()
    lab.sh("systemctl stop labserver-catalogue")  # which would fetch it again within seconds
    try:
        lab.sh(f"docker rmi -f $(docker image inspect --format '{{{{.Id}}}}' {reference}) >/dev/null")
        words, kept = failure(lab, bob, failing)
        assert "The image is no longer on this server" in words
        assert kept["reason"] == "image"
    finally:
        lab.sh("systemctl start labserver-catalogue")
    lab.until(
        "it is fetched again", lambda: catalogue(lab)[failing]["state"] == "ready" and present(lab, reference), 60
    )


def present(lab: t.Any, reference: str) -> bool:
    return str(lab.sh(f"docker image inspect {reference} >/dev/null 2>&1 && echo yes || echo no")).strip() == "yes"


def test_a_missing_home_is_explained(lab: t.Any) -> None:
    bob = lab.without_server("bob")
    lab.sh("mv /home/jupyter-bob /home/away")
    try:
        bob.start(NOTEBOOK)
        lab.until("it failed", lambda: bob.server() is None, 60)
        assert "Your home folder is missing" in bob.failure()
    finally:
        lab.sh("mv /home/away /home/jupyter-bob")
