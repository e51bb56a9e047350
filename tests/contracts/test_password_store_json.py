# Copyright (c) 2026, The labserver.jupyter authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""password-store.json: which store of passwords it is, for the module that changes it and the hub that trusts it."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import bcrypt
import pytest
from ansible_collections.labserver.jupyter.plugins.module_utils._adopt import takeover
from ansible_collections.labserver.jupyter.plugins.module_utils._adopt.keep import Effects
from ansible_collections.labserver.jupyter.plugins.module_utils._hub import passwords
from ansible_collections.labserver.jupyter.plugins.module_utils._hub.password_store import PasswordStore
from contract import Meets, Reader, check, reading, validate
from labhub.login.firstuse import LabFirstUseAuthenticator
from writers import PASSWORD_NAMES, passwords_record, put

PATH = "etc/labserver/hub/password-store.json"
STORE = "srv/labserver/hub/state/passwords.sqlite"


def checked_by_the_module(root: Path) -> Any:
    paths = passwords.Paths(root / STORE, root / PATH, root / "one-time.csv")
    entries, found, recorded = passwords.check(paths)
    return sorted(entries or {}), recorded is not None and found == recorded


def checked_by_the_hub(root: Path) -> list[str]:
    login = LabFirstUseAuthenticator(store_path=str(root / STORE), record_path=str(root / PATH))
    login.check_store()
    return sorted(login.store.entries())


READERS = [
    # On a host where nothing was recorded yet, the module takes the store as it is and records it.
    Reader("_hub", reading(checked_by_the_module), nothing=(sorted(PASSWORD_NAMES), False)),
    Reader("labhub/login", reading(checked_by_the_hub), missing=Meets.REFUSES),
]


@pytest.mark.parametrize("reader", READERS, ids=lambda reader: reader.room)
def test_readers_meet_what_is_not_as_it_should_be(reader: Reader, tmp_path: Path) -> None:
    check(reader, tmp_path, passwords_record(), PATH, "password-store")


def test_what_is_written_fits_the_schema() -> None:
    validate(passwords_record(), PATH, "password-store")


def test_module_and_hub_take_the_store_that_was_recorded_and_no_other(tmp_path: Path) -> None:
    put(tmp_path, passwords_record())
    assert checked_by_the_hub(tmp_path) == sorted(PASSWORD_NAMES)
    assert checked_by_the_module(tmp_path) == (sorted(PASSWORD_NAMES), True)
    (tmp_path / STORE).unlink()
    PasswordStore(tmp_path / STORE).create()
    for look in (checked_by_the_hub, checked_by_the_module):
        with pytest.raises(Exception, match="another password store"):
            look(tmp_path)


def test_module_and_hub_take_the_store_of_a_takeover(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """And let its people in with the passwords they had at FirstUseAuthenticator."""
    monkeypatch.setattr("os.chown", lambda *_words: None)
    for folder in ("srv/labserver", "etc/labserver"):
        (tmp_path / folder).mkdir(parents=True)
    old = bcrypt.hashpw(b"ferrets", bcrypt.gensalt(4)).decode()
    takeover.seed(Effects(tmp_path), {"mira": old})
    validate({PATH: (tmp_path / PATH).read_bytes()}, PATH, "password-store")
    assert checked_by_the_hub(tmp_path) == ["mira"]
    assert checked_by_the_module(tmp_path) == (["mira"], True)
    entry = PasswordStore(tmp_path / STORE).entries()["mira"]
    assert not entry.one_time and bcrypt.checkpw(b"ferrets", entry.hash.encode())
