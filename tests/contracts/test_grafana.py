# Copyright (c) 2026, The labserver.jupyter authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What a server tells Prometheus, read by Prometheus's own parser, and the dashboard that asks for it."""

from __future__ import annotations

import contextlib
import io
import json
import re
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import promql
import pytest
from ansible_collections.labserver.jupyter.plugins.module_utils._common import clock
from ansible_collections.labserver.jupyter.plugins.module_utils._status import disks, drift, overview
from image_writers import catalogue
from paths import ROOT
from prometheus_client.parser import text_string_to_metric_families
from writers import (
    backups,
    certificates,
    disks_that_fill,
    failures_of_days,
    jobs,
    nearly_full,
    put,
    reports,
    services,
    shares,
)

DASHBOARD = json.loads((ROOT / "docs" / "reference" / "grafana.json").read_text(encoding="utf-8"))
PAGE = (ROOT / "docs" / "howto" / "status.md").read_text(encoding="utf-8")
OF_PROMETHEUS = {"instance", "job"}
"""Labels that Prometheus adds. One of ours with such a name it renames (exported_...)."""
WHEN = datetime.fromtimestamp(1_795_000_000 + 10 * 86400, UTC)
Series = tuple[str, dict[str, str], float]


@pytest.fixture(scope="module")
def told(tmp_path_factory: pytest.TempPathFactory) -> str:
    """What ``labserver status --prometheus`` prints on a host with all rooms; of the engine there is nothing."""
    root = tmp_path_factory.mktemp("host")
    for files in (
        jobs(), services(), certificates(), shares(), backups(), catalogue(), nearly_full(), disks_that_fill(),
        failures_of_days(), reports(),
    ):  # fmt: skip
        put(root, files)
    put(root, {"proc/meminfo": Path("/proc/meminfo").read_bytes(), "var/lib/dpkg/status": b""})
    assert drift.record(root, "0.1.0", WHEN)
    put(root, {"etc/docker/daemon.json": b"{}"})
    room = disks.Disk("/", disks.Health(disks.Service("disk_root"), "ok"), 20 << 30, 10 << 30)
    printed = io.StringIO()
    with pytest.MonkeyPatch.context() as patch, contextlib.redirect_stdout(printed):
        patch.setattr(disks, "of_host", lambda _root: [room])
        patch.setattr(clock, "utc_now", lambda: WHEN)
        assert overview.main(["--prometheus", "--root", str(root)]) == 0
    return printed.getvalue()


def series(text: str) -> Iterator[Series]:
    for family in text_string_to_metric_families(text):
        for sample in family.samples:
            yield sample.name, dict(sample.labels), sample.value


def targets() -> list[tuple[str, str, str]]:
    """Title, expression (the variables filled in as Grafana does for "All") and legend of all panels."""
    found = []
    for panel in DASHBOARD["panels"]:
        for target in panel["targets"]:
            found.append((panel["title"], target["expr"].replace("$instance", ".*"), target["legendFormat"]))
    return found


def test_what_a_server_tells_is_a_text_that_prometheus_reads(told: str) -> None:
    families = list(text_string_to_metric_families(told))
    assert told.endswith("\n") and len(families) > 15
    seen = [(name, tuple(sorted(labels.items()))) for name, labels, _value in series(told)]
    assert len(seen) == len(set(seen)), "one value each, or the collector refuses the whole file"
    assert len({family.name for family in families}) == len(families), "the samples of a metric stand together"
    for family in families:
        assert family.documentation and family.type == "gauge" and family.name.startswith("labserver_")
        assert family.samples and all(sample.timestamp is None for sample in family.samples)
    labels = {label for _name, each, _value in series(told) for label in each}
    assert not labels & OF_PROMETHEUS and not [label for label in labels if label.startswith("__")]


@pytest.mark.parametrize(("title", "expression", "legend"), targets())
def test_every_series_and_label_of_the_dashboard_is_told(told: str, title: str, expression: str, legend: str) -> None:
    there = [(name, {**labels, "instance": "atlas:9100"}) for name, labels, _value in series(told)]
    asked = promql.read(expression)
    shown: list[dict[str, str]] = []
    for selector in asked.selectors:
        picked = [labels for name, labels in there if selector.picks(name, labels)]
        names = {matcher.label for matcher in selector.matchers} - {"__name__"}
        assert picked, f"{title}: nothing is told of what {expression} asks for"
        assert all(names <= labels.keys() for labels in picked), f"{title}: a label is not there"
        shown += picked
    labels = {label for each in shown for label in each}
    assert asked.labels <= labels
    assert set(re.findall(r"{{\s*(\w+)\s*}}", legend)) <= labels, f"{title}: the legend names another label"


def test_the_dashboard_fits_on_a_screen_and_asks_the_chosen_source() -> None:
    panels: list[dict[str, Any]] = DASHBOARD["panels"]
    assert len({panel["id"] for panel in panels}) == len(panels)
    taken: set[tuple[int, int]] = set()
    for panel in panels:
        place = panel["gridPos"]
        cells = {
            (x, y)
            for x in range(place["x"], place["x"] + place["w"])
            for y in range(place["y"], place["y"] + place["h"])
        }
        assert not cells & taken and max(x for x, _y in cells) < 24, panel["title"]
        taken |= cells
        assert panel["datasource"] == {"type": "prometheus", "uid": "${datasource}"}
        assert len({target["refId"] for target in panel["targets"]}) == len(panel["targets"])
    variables = {variable["name"]: variable for variable in DASHBOARD["templating"]["list"]}
    used = set(re.findall(r"\$(\w+)", json.dumps([panel["targets"] for panel in panels])))
    assert used | {"datasource"} == set(variables)
    assert variables["instance"]["query"] == "label_values(labserver_made_seconds, instance)"


def test_every_metric_is_told_of_on_the_page(told: str) -> None:
    names = {name for name, _labels, _value in series(told)}
    known = set(re.findall(r"`(labserver_\w+)`", PAGE))
    assert names - known == set(), "docs/howto/status.md does not name it"
    assert known - names <= {"labserver_drift_unknown"}, "it names one that is not told"


@pytest.mark.parametrize(
    "wrong",
    ["", "sum(", "sum()", "labserver_servers{instance=~}", 'labserver_servers{instance~"x"}', "count(a) by", "a b",
     "nonsense(a)", "time(a)", "{}", '{x=~".*"}', "a +", "a[5]", "rate(a[5x])", 'a{x=~"("}', "a == = 2",
     "max by instance (a)"],
)  # fmt: skip
def test_an_expression_that_is_none_is_refused(wrong: str) -> None:
    with pytest.raises((promql.PromqlError, re.error)):
        promql.read(wrong)


@pytest.mark.parametrize(
    "right",
    ["a", "a{}", "-a + 2 * (b - 1) ^ 2", "sum by (x) (rate(a[5m]))", "sum(a) without (x, y)",
     "a == bool 1 or vector(0)",
     'a{x="1",y!~"b|c"} offset 1h', "a / on (instance) group_left b", "time() - a > 900"],
)  # fmt: skip
def test_an_expression_is_read(right: str) -> None:
    promql.read(right)
