# Copyright (c) 2026, The labserver.jupyter authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Only images that a key of the lab signed are fetched, tried and offered. python3-cryptography signs them here."""

from __future__ import annotations

import json
import typing as t
from pathlib import Path

import pytest
from ansible_collections.labserver.jupyter.plugins.module_utils._catalogue import signed
from ansible_collections.labserver.jupyter.plugins.module_utils._common import process
from ansible_collections.labserver.jupyter.plugins.module_utils._hub.image_keys import ImageKey
from ansible_collections.labserver.jupyter.plugins.module_utils._registry.protocol import RegistryError
from ansible_collections.labserver.jupyter.tests.unit.plugins.module_utils._catalogue.catalogue_lab import Lab, sha
from ansible_collections.labserver.jupyter.tests.unit.plugins.module_utils._catalogue.cosign import Key, payload
from cryptography.hazmat.primitives.asymmetric import ec

KEY, NEW, STRANGER = Key(), Key(), Key()
TAG = f"sha256-{64 * 'a'}.sig"


def ask(lab: Lab, *keys: Key, unsigned: t.Sequence[str] = ()) -> None:
    """Write the inventory's keys (named lab-0, lab-1, ...) and start the service anew."""
    lab.settings["image_keys"] = [{"name": f"lab-{number}", "key": key.public} for number, key in enumerate(keys)]
    lab.settings["images_unsigned"] = list(unsigned)
    lab.restart()


def put(lab: Lab, *signatures: tuple[bytes, bytes], digest: str = sha("d"), tag: str = TAG) -> None:
    lab.registry.content["notebook"][tag] = digest
    lab.registry.signed[digest] = list(signatures)


def by(key: Key, reference: str = "lab:5000/notebook", image: str = sha("a")) -> tuple[bytes, bytes]:
    content = payload(reference, image)
    return content, key.sign(content)


def reason(lab: Lab, name: str = "notebook:1.0") -> str:
    return {f"{one['repository']}:{one['tag']}": one["reason"] for one in lab.document()["images"]}[name]


def test_a_signed_image_is_offered_and_its_signature_is_no_image(lab: Lab) -> None:
    ask(lab, KEY)
    put(lab, by(KEY))
    lab.service.round()
    assert lab.states() == {"notebook:1.0": "ready"}
    assert "notebook sha256:aaaaaaaaaaaa: signed by lab-0" in lab.said


def test_an_unsigned_image_is_not_even_fetched(lab: Lab) -> None:
    ask(lab, KEY, NEW)
    lab.service.round()
    assert lab.states() == {"notebook:1.0": "broken"}
    assert reason(lab) == "it is not signed by any of: lab-0, lab-1"
    assert lab.engine.pulled == lab.engine.tried == lab.engine.asked == lab.registry.asked == []


def test_it_is_offered_as_soon_as_it_is_signed(lab: Lab) -> None:
    ask(lab, KEY)
    lab.service.round()
    put(lab, by(KEY))
    lab.service.round()
    assert lab.states() == {"notebook:1.0": "ready"}
    assert reason(lab) == ""


def test_what_was_bad_is_looked_at_again_when_a_signature_is_added(lab: Lab) -> None:
    ask(lab, KEY)
    put(lab, by(STRANGER))
    lab.service.round()
    assert lab.states() == {"notebook:1.0": "broken"}
    put(lab, by(STRANGER), by(KEY), digest=sha("e"))
    lab.service.round()
    assert lab.states() == {"notebook:1.0": "ready"}


@pytest.mark.parametrize(
    ("given", "said"),
    [
        ([by(STRANGER)], "it has others: it is by another key"),
        ([by(KEY, image=sha("b"))], "it has others: it is for another image (by lab-0)"),
        ([by(KEY, "lab:5000/steps")], "it has others: it is for another repository (lab:5000/steps) (by lab-0)"),
        ([(by(KEY)[0] + b" ", by(KEY)[1])], "it has others: it is by another key"),
        ([(by(KEY)[0], by(KEY, image=sha("b"))[1])], "it has others: it is by another key"),
        ([(by(KEY)[0], by(KEY)[1][:-1])], "it has others: it is by another key"),
        ([(by(KEY)[0], by(KEY)[1] + b"\0")], "it has others: it is by another key"),
        ([(by(KEY)[0], b"\x30\x06\x02\x01\x00\x02\x01\x00")], "it has others: it is by another key"),
        ([(by(KEY)[0], b"\x30\x06\x02\x01\x01\x02\x01\x01")], "it has others: it is by another key"),
        ([(by(KEY)[0], b"garbage!")], "it has others: it is by another key"),
        ([(b"", by(KEY)[1])], "it has others: it is not readable"),
        ([by(Key(ec.SECP256K1())), by(STRANGER)], "it has others: it is by another key"),
        ([], ""),
        # A stranger's words are not repeated to people.
        ([by(STRANGER, "call 0900-12345")], "it has others: it is by another key"),
    ],
)
def test_other_signatures_do_not_count(lab: Lab, given: list[tuple[bytes, bytes]], said: str) -> None:
    ask(lab, KEY)
    put(lab, *given)
    lab.service.round()
    assert lab.states() == {"notebook:1.0": "broken"}
    assert reason(lab) == "; ".join(filter(None, ("it is not signed by any of: lab-0", said)))
    assert lab.engine.pulled == []


def test_one_good_signature_among_others_is_enough(lab: Lab) -> None:
    ask(lab, KEY)
    put(lab, by(STRANGER), (b"", b"x" * 70), by(KEY, image=sha("b")), by(KEY))
    lab.service.round()
    assert lab.states() == {"notebook:1.0": "ready"}


def test_what_is_no_list_of_signatures_is_told(lab: Lab) -> None:
    ask(lab, KEY)
    put(lab)
    lab.registry.odd = {sha("d")}
    lab.service.round()
    assert reason(lab) == "it is not signed by any of: lab-0; it has others: it is no list of signatures"


def test_a_tag_that_is_moved_to_an_unsigned_image_is_no_longer_offered(lab: Lab) -> None:
    ask(lab, KEY)
    put(lab, by(KEY))
    lab.service.round()
    lab.registry.content["notebook"]["1.0"] = sha("b")
    lab.service.round()
    assert lab.states() == {"notebook:1.0": "broken"}
    assert lab.engine.pulled == [f"127.0.0.1:5000/notebook@{sha('a')}"]


def test_the_same_image_in_another_repository_needs_a_signature_for_that_one(lab: Lab) -> None:
    """Who may push could else put an image that was signed for one purpose under the name of another."""
    ask(lab, KEY)
    put(lab, by(KEY))
    lab.registry.content["steps"] = dict(lab.registry.content["notebook"])
    lab.service.round()
    assert lab.states() == {"notebook:1.0": "ready", "steps:1.0": "broken"}


def test_nothing_is_asked_twice(lab: Lab, monkeypatch: pytest.MonkeyPatch) -> None:
    """Neither for what is good, also after a start of the service, nor for what is bad and did not change."""
    ask(lab, KEY)
    lab.registry.content["notebook"]["2.0"] = sha("b")
    put(lab, by(KEY))
    put(lab, by(STRANGER, image=sha("b")), digest=sha("e"), tag=f"sha256-{64 * 'b'}.sig")
    lab.service.round()
    assert lab.registry.asked == [sha("d"), sha("e")]
    monkeypatch.setattr(process, "call", lambda *_more, **_words: pytest.fail("openssl was asked again"))
    lab.service.round()
    assert lab.registry.asked == [sha("d"), sha("e")]
    del lab.registry.content["notebook"][f"sha256-{64 * 'b'}.sig"]
    lab.restart()
    lab.service.round()
    assert lab.states() == {"notebook:1.0": "ready", "notebook:2.0": "broken"}
    assert lab.registry.asked == [sha("d"), sha("e")]


def test_what_was_offered_before_is_withdrawn_when_signatures_are_asked_for(lab: Lab) -> None:
    """At once: the guard reads images.json, and the registry may be away just then."""
    lab.service.round()
    assert lab.states() == {"notebook:1.0": "ready"}
    ask(lab, KEY)
    lab.registry.away = True
    with pytest.raises(RegistryError):
        lab.service.round()
    assert lab.states() == {"notebook:1.0": "broken"}
    assert reason(lab) == signed.UNCHECKED
    lab.registry.away = False
    lab.registry.silent["notebook"] = None  # the registry answers, but says nothing of this repository
    lab.service.round()
    assert lab.states() == {"notebook:1.0": "broken"}
    lab.registry.silent.clear()
    put(lab, by(KEY))
    lab.service.round()
    assert lab.states() == {"notebook:1.0": "ready"}


def test_a_signed_image_stays_while_the_registry_is_away(lab: Lab) -> None:
    ask(lab, KEY)
    put(lab, by(KEY))
    lab.service.round()
    lab.registry.away = True
    lab.restart()
    with pytest.raises(RegistryError):
        lab.service.round()
    assert lab.states() == {"notebook:1.0": "ready"}


def test_keys_are_changed_without_a_gap(lab: Lab) -> None:
    ask(lab, KEY)
    put(lab, by(KEY))
    lab.service.round()
    ask(lab, KEY, NEW)
    lab.service.round()
    assert lab.states() == {"notebook:1.0": "ready"}
    put(lab, by(KEY), by(NEW), digest=sha("e"))
    ask(lab, NEW)
    lab.service.round()
    assert lab.states() == {"notebook:1.0": "ready"}


def test_a_key_that_was_given_up_signs_nothing_any_more(lab: Lab) -> None:
    ask(lab, KEY)
    put(lab, by(KEY))
    lab.service.round()
    ask(lab, NEW)
    lab.registry.away = True
    with pytest.raises(RegistryError):
        lab.service.round()
    assert lab.states() == {"notebook:1.0": "broken"}
    lab.registry.away = False
    lab.service.round()
    assert reason(lab) == "it is not signed by any of: lab-0; it has others: it is by another key"


def test_repositories_that_need_no_signature_are_named(lab: Lab) -> None:
    lab.registry.content["people/leem/mira/fit"] = {"1": sha("b")}
    ask(lab, KEY, unsigned=["people/*"])
    lab.service.round()
    assert lab.states() == {"notebook:1.0": "broken", "people/leem/mira/fit:1": "ready"}


@pytest.mark.parametrize("where", [f"notebook:{TAG}", sha("d")])
@pytest.mark.parametrize("status", [500, None])
def test_a_registry_that_says_nothing_of_a_signature_has_not_said_that_there_is_none(
    lab: Lab, where: str, status: int | None
) -> None:
    ask(lab, KEY)
    put(lab, by(KEY))
    lab.registry.silent[where] = status
    lab.service.round()
    assert lab.states() == {}
    lab.registry.silent.clear()
    lab.service.round()
    assert lab.states() == {"notebook:1.0": "ready"}


def test_what_had_a_problem_is_well_again_after_a_silence(lab: Lab) -> None:
    ask(lab, KEY)
    lab.service.round()
    lab.registry.silent["notebook"] = 500
    lab.service.round()
    lab.registry.silent.clear()
    put(lab, by(KEY))
    lab.service.round()
    assert lab.states() == {"notebook:1.0": "ready"}


def test_without_openssl_nothing_is_called_unsigned(lab: Lab, monkeypatch: pytest.MonkeyPatch) -> None:
    ask(lab, KEY)
    put(lab, by(KEY))
    monkeypatch.setenv("PATH", "/nowhere")
    with pytest.raises(OSError, match="openssl, which checks the signatures of images"):
        lab.service.round()
    monkeypatch.undo()
    lab.service.round()
    assert lab.states() == {"notebook:1.0": "ready"}


def test_the_file_of_good_signatures_names_what_is_offered_and_nothing_else(lab: Lab) -> None:
    ask(lab, KEY)
    put(lab, by(KEY))
    lab.service.round()
    path = Path(lab.settings["output"]).with_name("signed.json")
    identity = ImageKey("any", KEY.public).identity
    assert json.loads(path.read_text()) == {"version": 1, "images": {f"notebook@{sha('a')}": identity}}
    for damaged in ("", "[]", '{"version": 1, "images": 5}', '{"version": 1, "images": {"notebook": null}}'):
        path.write_text(damaged)
        lab.restart()
        lab.service.round()
        assert lab.states() == {"notebook:1.0": "ready"}
    lab.registry.content["notebook"] = {"2.0": sha("b")}
    lab.service.round()
    assert json.loads(path.read_text())["images"] == {}


def test_a_full_disk_stops_nothing(lab: Lab, monkeypatch: pytest.MonkeyPatch) -> None:
    ask(lab, KEY)
    put(lab, by(KEY))
    Path(lab.settings["output"]).with_name("signed.json").mkdir()
    lab.service.round()
    assert lab.states() == {"notebook:1.0": "ready"}
    assert any("signed.json" in line for line in lab.said)


def test_openssl_agrees_with_cryptography(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path))
    for key, judge in ((KEY, KEY), (KEY, NEW), (NEW, NEW)):
        content, given = by(key)
        assert signed.verify(ImageKey("lab", judge.public), content, given) == judge.made(content, given)
        assert not signed.verify(ImageKey("lab", judge.public), content + b"x", given)
        for changed in (given[:-1], given + b"\0", given + b"\0" * (73 - len(given)), b"0" + given[1:-1], b"\0"):
            assert not signed.verify(ImageKey("lab", key.public), content, changed)
    assert list(tmp_path.iterdir()) == []
