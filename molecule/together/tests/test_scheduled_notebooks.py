# Copyright (c) 2026, The labserver.jupyter authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Scheduled notebooks on a real host: whose files they write, with which limits, and what is told when one fails."""

from __future__ import annotations

import json
import re
import time
import typing as t

import pytest

HOME = "/home/jupyter-zoe"
RUN = "run-jupyter-zoe"
STATE = "/srv/labserver/hub/state/runs.json"
KERNEL = {"kernelspec": {"name": "python3", "display_name": "Python 3", "language": "python"}}


def write(lab: t.Any, name: str, *cells: str) -> None:
    """Write a notebook into the home as its owner has it."""
    book = {
        "nbformat": 4, "nbformat_minor": 5, "metadata": KERNEL,
        "cells": [{"cell_type": "code", "id": f"c{number}", "source": source, "metadata": {}, "outputs": [],
                   "execution_count": None} for number, source in enumerate(cells)],
    }  # fmt: skip
    quoted = json.dumps(book).replace("'", "'\\''")
    lab.sh(f"printf %s '{quoted}' > {HOME}/{name} && chown jupyter-zoe: {HOME}/{name}")


def kept(lab: t.Any, notebook: str) -> dict[str, t.Any]:
    """Return what the hub keeps of one."""
    return next(one for one in json.loads(lab.sh(f"cat {STATE}"))["runs"] if one["notebook"] == notebook)


def schedule(lab: t.Any, notebook: str, **changes: str) -> t.Any:
    """Schedule a notebook for a time that does not come during the test; returns zoe at the hub."""
    zoe = lab.person("zoe")
    assert zoe.get("/hub/runs").status_code == 200
    form = {"notebook": notebook, "image": "notebook:latest", "days": "1 * *", "clock": "04:00", "fields": "",
            "hours": "0.5", "keep": "2", **changes}  # fmt: skip
    assert zoe.post("/hub/runs", form, allow_redirects=False).status_code == 302
    return zoe


def make_due(lab: t.Any, notebook: str) -> None:
    """Let the hub find, when it starts, that the notebook should have run a month ago."""
    lab.sh("docker stop -t 5 labserver-hub >/dev/null")
    document = json.loads(lab.sh(f"cat {STATE}"))
    for one in document["runs"]:
        if one["notebook"] == notebook:
            one["handled"] = "2026-01-01T00:00:00+00:00"
    quoted = json.dumps(document).replace("'", "'\\''")
    lab.sh(f"printf %s '{quoted}' > {STATE}.t && cat {STATE}.t > {STATE} && rm {STATE}.t && docker start labserver-hub")


@pytest.fixture(autouse=True)
def _tidy(lab: t.Any) -> t.Iterator[None]:
    yield
    zoe = lab.person("zoe")
    for identity in re.findall(r'data-run="([0-9a-f]{12})" data-state', zoe.get("/hub/runs").text):
        zoe.post(f"/hub/runs/{identity}/remove", {})
    lab.sh(f"rm -rf {HOME}/nightly* {HOME}/number")


def test_a_notebook_runs_with_nobody_logged_in_and_its_files_are_the_persons(lab: t.Any) -> None:
    write(lab, "nightly.ipynb", "import os, time; open('number', 'w').write(str(6 * 7)); time.sleep(20)", "os.getuid()")
    schedule(lab, "nightly.ipynb")
    assert not lab.running("zoe")
    make_due(lab, "nightly.ipynb")
    lab.until("the run begins", lambda: RUN in lab.sh("docker ps --format '{{.Names}}'").split(), 120)
    shown = json.loads(lab.sh(f"docker inspect {RUN}"))[0]
    uid, gid = lab.sh("id -u jupyter-zoe").strip(), lab.sh("id -g jupyter-zoe").strip()
    assert shown["Config"]["User"] == f"{uid}:{gid}"
    assert shown["HostConfig"]["Memory"] == 512 << 20 and shown["HostConfig"]["CpuQuota"] == 100_000
    assert not lab.running("zoe"), "and no server of hers"
    assert RUN in lab.sh("labserver status --json || true")
    lab.until("the end", lambda: bool(kept(lab, "nightly.ipynb")["results"]), 300)
    (result,) = kept(lab, "nightly.ipynb")["results"]
    assert result["reason"] == "ok", result
    assert lab.sh(f"stat -c '%u:%g' {HOME}/number").strip() == f"{uid}:{gid}"
    assert lab.sh(f"cat {HOME}/number") == "42"
    assert lab.sh(f"stat -c %u {HOME}/nightly-runs {result['output']}").split() == [uid, uid]
    copy = json.loads(lab.sh(f"cat {result['output']}"))
    assert "".join(copy["cells"][1]["outputs"][0]["data"]["text/plain"]) == uid
    assert 'outputs": [{' not in lab.sh(f"cat {HOME}/nightly.ipynb"), "the notebook stays as it is"
    lab.until("the container is gone", lambda: RUN not in lab.sh("docker ps -a --format '{{.Names}}'").split(), 60)
    time.sleep(15)
    assert len(kept(lab, "nightly.ipynb")["results"]) == 1, "made up once"


def test_a_failing_notebook_is_told_with_its_cell_and_its_copy_is_kept(lab: t.Any) -> None:
    write(lab, "nightly-bad.ipynb", "1 + 1", "raise ValueError('no data today')", "open('number', 'w').write('x')")
    zoe = schedule(lab, "nightly-bad.ipynb")
    identity = re.findall(r'data-run="([0-9a-f]{12})" data-state', zoe.get("/hub/runs").text)[0]
    zoe.post(f"/hub/runs/{identity}/now", {})
    lab.until("the end", lambda: bool(kept(lab, "nightly-bad.ipynb")["results"]), 300)
    assert "Cell 2 failed: ValueError: no data today" in zoe.get("/hub/home").text
    assert any("nightly-bad.ipynb" in one["text"] for one in zoe.announcements())
    result = kept(lab, "nightly-bad.ipynb")["results"][0]
    assert "no data today" in lab.sh(f"cat {result['output']}")
    assert lab.refused(f"test -e {HOME}/number"), "what comes after the failure does not run"
    jonas = lab.person("jonas")
    assert jonas.post(f"/hub/runs/{identity}/now", {}).status_code in (403, 404)
    assert len(kept(lab, "nightly-bad.ipynb")["results"]) == 1


def test_a_notebook_that_needs_too_much_memory_ends_alone(lab: t.Any) -> None:
    write(lab, "nightly-large.ipynb", "x = bytearray(2 << 30)", "x[::4096] = b'1' * len(x[::4096])")
    zoe = schedule(lab, "nightly-large.ipynb")
    identity = re.findall(r'data-run="([0-9a-f]{12})" data-state', zoe.get("/hub/runs").text)[0]
    zoe.post(f"/hub/runs/{identity}/now", {})
    lab.until("the end", lambda: bool(kept(lab, "nightly-large.ipynb")["results"]), 300)
    assert kept(lab, "nightly-large.ipynb")["results"][0]["reason"] in ("memory", "dead")


def test_a_link_out_of_the_home_opens_nothing(lab: t.Any) -> None:
    write(lab, "nightly-x.ipynb", "1")
    lab.sh(f"mkdir -p /root/nightly && cp {HOME}/nightly-x.ipynb /root/nightly/x.ipynb")
    lab.sh(f"ln -sfn /root/nightly {HOME}/nightly-root")
    zoe = schedule(lab, "nightly-root/x.ipynb")
    identity = re.findall(r'data-run="([0-9a-f]{12})" data-state', zoe.get("/hub/runs").text)[0]
    zoe.post(f"/hub/runs/{identity}/now", {})
    lab.until("the end", lambda: bool(kept(lab, "nightly-root/x.ipynb")["results"]), 300)
    assert kept(lab, "nightly-root/x.ipynb")["results"][0]["reason"] in ("missing", "files")
    assert lab.refused("test -e /root/nightly/x-runs")
    lab.sh("rm -rf /root/nightly")
