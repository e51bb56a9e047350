# Copyright (c) 2026, The labserver.jupyter authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""An image by a person on a real host: built as her, listed for her group, and its kernel is her environment."""

from __future__ import annotations

import json
import re
import typing as t

HOME = "/home/jupyter-zoe"
CATALOGUE = "/var/lib/labserver/catalogue/images.json"
STATE = "/srv/labserver/hub/state/builds.json"
INFO = "demo-1.0.dist-info"


def package(lab: t.Any) -> None:
    """Put a package and the list that names it into zoe's home; nothing has to be fetched for it."""
    lines = (
        f"import zipfile; z = zipfile.ZipFile('{HOME}/mine/demo-1.0-py3-none-any.whl', 'w')",
        "z.writestr('demo.py', 'ANSWER = 42')",
        f"z.writestr('{INFO}/METADATA', 'Metadata-Version: 2.1\\nName: demo\\nVersion: 1.0\\n')",
        f"z.writestr('{INFO}/WHEEL', 'Wheel-Version: 1.0\\nRoot-Is-Purelib: true\\nTag: py3-none-any\\n')",
        f"z.writestr('{INFO}/RECORD', 'demo.py,,\\n'); z.close()",
    )
    lab.sh(f"mkdir -p {HOME}/mine && echo ./demo-1.0-py3-none-any.whl > {HOME}/mine/requirements.txt")
    lab.sh("cat > /tmp/demo.py <<'END'\n" + "\n".join(lines) + "\nEND\npython3 /tmp/demo.py")
    lab.sh(f"chown -R jupyter-zoe: {HOME}/mine")


def listed(lab: t.Any) -> list[dict[str, t.Any]]:
    """Return the images by people that the catalogue has."""
    return [one for one in json.loads(lab.sh(f"cat {CATALOGUE}"))["images"] if one["repository"].startswith("people/")]


def kept(lab: t.Any) -> dict[str, t.Any]:
    """Return the one build."""
    (one,) = json.loads(lab.sh(f"cat {STATE}"))["builds"]
    return dict(one)


def test_from_a_list_of_packages_to_a_kernel_of_the_group_and_away_again(lab: t.Any) -> None:
    package(lab)
    zoe = lab.person("zoe")
    form = {"group": "others", "name": "mine", "kind": "folder", "source": "mine", "base": "notebook:latest"}
    assert zoe.get("/hub/builds").status_code == 200
    assert zoe.post("/hub/builds", form, allow_redirects=False).status_code == 302
    lab.until("the build", lambda: kept(lab)["state"] not in ("waiting", "running"), 300)
    lab.until("the image", lambda: kept(lab)["state"] != "packing", 180)
    assert kept(lab)["state"] == "done", kept(lab)
    lab.until("the trial", lambda: [one["state"] for one in listed(lab)] == ["ready"], 180)
    (image,) = listed(lab)
    assert (image["repository"], image["groups"]) == ("people/others/zoe/mine", ["others"])
    ask = "import demo, sys, ipykernel; print(demo.ANSWER, sys.prefix)"
    run = f"docker run --rm --network none --user 64999:64999 -e HOME=/tmp {image['reference']}"
    assert lab.sh(f"{run} /opt/lab/mine/bin/python -s -c '{ask}'").split() == ["42", "/opt/lab/mine"]
    spec = json.loads(lab.sh(f"{run} jupyter kernelspec list --json"))["kernelspecs"]["python3"]
    assert spec["resource_dir"].startswith("/opt/lab/.jupyter/")
    strange = lab.sh(f"{run} find /opt/lab -not -user root -o -perm /6022 -not -type l")
    assert strange.strip() == "", "root's, and nobody else's to change"
    assert lab.sh(f"ls {HOME}/.cache/labserver-builds").strip() == ""
    assert lab.person("mira").get("/hub/builds").status_code == 403
    (identity,) = re.findall(r'data-build="([0-9a-f]{12})" data-state', zoe.get("/hub/builds").text)
    assert zoe.post(f"/hub/builds/{identity}/remove", {}, allow_redirects=False).status_code == 302
    lab.until("the removal", lambda: not json.loads(lab.sh(f"cat {STATE}"))["builds"] and not listed(lab), 180)
