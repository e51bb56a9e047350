# Copyright (c) 2026, The labserver.jupyter authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Mistakes in the list of images are told."""

from __future__ import annotations

import pytest
from ansible_collections.labserver.jupyter.plugins.module_utils._images.input import problems

GOOD = {"repository": "leem/analysis", "tag": "3.1", "context": "notebook"}


def test_good_images_pass() -> None:
    pulled = {"repository": "scipy", "tag": "latest", "source": "pull", "reference": "quay.io/x:1"}
    assert problems({"images_notebooks": [GOOD, pulled]}) == []


@pytest.mark.parametrize(
    ("image", "part"),
    [
        ({**GOOD, "repository": "Leem"}, "repository 'Leem' is not a name that registries take"),
        ({**GOOD, "repository": "leem//x"}, "is not a name that registries take"),
        ({**GOOD, "tag": "-x"}, "tag '-x' is not a tag"),
        ({**GOOD, "tag": "a b"}, "tag 'a b' is not a tag"),
        ({"repository": "x", "tag": "1"}, "context is missing; name the folder"),
        ({"repository": "x", "tag": "1", "source": "pull"}, "reference is missing; name the image"),
        ({**GOOD, "reference": "y"}, "reference has no meaning with source: build"),
        ({**GOOD, "source": "pull", "reference": "y"}, "context has no meaning with source: pull"),
    ],
)
def test_each_mistake_has_its_message(image: dict, part: str) -> None:
    (message,) = problems({"images_notebooks": [GOOD | {"tag": "0"}, image]})
    assert message.startswith(f"images_notebooks[1] ({image['repository']}:{image['tag']}): ")
    assert part in message


def test_the_same_image_twice_is_refused() -> None:
    (message,) = problems({"images_notebooks": [GOOD, GOOD]})
    assert "is the same as images_notebooks[0]" in message
