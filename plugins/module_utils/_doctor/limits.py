# Copyright (c) 2026, The labserver.jupyter authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Hazards of limits, logs and images: what one server takes from all, and what nobody can start again."""

from __future__ import annotations

from collections.abc import Iterable

from .._common import sizes
from .containers import people
from .hazards import Seen, hazard
from .model import KEPT, Current

BIG_LOG = 2 << 30


def _listed(found: Iterable[str]) -> str:
    names = sorted(found)
    return ", ".join(names[:6]) + (f" and {len(names) - 6} more" if len(names) > 6 else "")


@hazard(
    "no-memory-limit",
    "critical",
    "one notebook takes all memory, and the kernel kills what it likes: hub, database or other people's work",
    "c.DockerSpawner.mem_limit, TLJH: tljh-config set limits.memory; and leave the host a reserve",
)
def no_memory_limit(current: Current) -> Seen:
    """People's servers without a limit, or a hub whose settings know none."""
    free = [each.name for each in people(current) if not each.memory]
    if free:
        yield _listed(free), "no limit of memory"
    for hub in current.hubs:
        if not hub.memory_limit and not any(each.memory for each in people(current)):
            yield hub.path, "it sets no limit of memory for people's servers"


@hazard(
    "no-swap-limit",
    "warning",
    "beside its memory a server fills the swap as well, and the whole host becomes slow before anything is ended",
    "set memory-swap to the same value as the memory",
)
def no_swap_limit(current: Current) -> Seen:
    """Docker allows as much swap as memory unless told otherwise; only where there is swap."""
    if not current.system.swap:
        return
    free = [each.name for each in people(current) if each.memory and each.memory_swap != each.memory]
    if free:
        yield _listed(free), "may use swap beside its limit of memory"
    elif not current.engine.swap_limit and list(people(current)):
        yield "the kernel", "it counts no swap for containers"


@hazard(
    "no-process-limit",
    "warning",
    "one wrong loop that starts processes stops the whole host",
    "set a limit of processes (pids_limit) for people's servers",
)
def no_process_limit(current: Current) -> Seen:
    """People's servers without a limit of processes."""
    free = [each.name for each in people(current) if each.pids <= 0]
    if free:
        yield _listed(free), "no limit of processes"


@hazard(
    "log-without-limit",
    "warning",
    "the log of one container fills the disk, and then everything stops",
    "log-opts max-size and max-file in /etc/docker/daemon.json; it holds for new containers",
)
def log_without_limit(current: Current) -> Seen:
    """Containers whose log grows for ever."""
    free = [each.name for each in current.containers if each.running and not each.log_limited]
    if free:
        yield _listed(free), "its log grows without a limit"


@hazard(
    "log-large",
    "warning",
    "it takes room that homes and images need",
    "look what it writes; empty it with truncate -s 0 and set a limit",
)
def log_large(current: Current) -> Seen:
    """Logs of containers that are large already."""
    for container in current.containers:
        if container.log_bytes > BIG_LOG:
            yield container.name, f"its log has {sizes.text(container.log_bytes)}"


@hazard(
    "not-restarted",
    "warning",
    "after the next reboot it stays away until somebody starts it by hand",
    "docker update --restart always NAME, and restart: always in the Compose file",
)
def not_restarted(current: Current) -> Seen:
    """Services without a restart policy."""
    for container in current.containers:
        if container.role in KEPT and container.restart_policy in ("", "no") and container.running:
            yield container.name, "nothing starts it after a reboot"


@hazard(
    "container-not-well",
    "critical",
    "what it serves does not work, or only now and then",
    "docker logs NAME",
)
def container_not_well(current: Current) -> Seen:
    """Services that are unhealthy, end again and again, or do not run."""
    for container in current.containers:
        if container.health == "unhealthy":
            yield container.name, "its own health check fails"
        elif container.restarts > 5 and container.role in KEPT:
            yield container.name, f"it was restarted {container.restarts} times"
        elif (
            not container.running
            and container.role in KEPT
            and container.restart_policy in ("always", "unless-stopped")
        ):
            yield container.name, "it should run and does not"


@hazard(
    "image-made-by-hand",
    "warning",
    "nobody can build it again: what is in it was done by hand in a container",
    "write a Dockerfile that does the same, and build from that",
)
def image_by_hand(current: Current) -> Seen:
    """Images with a layer of docker commit."""
    for image, command in sorted({(each.image, each.built_from.committed) for each in current.containers}):
        if command:
            yield image, f"a layer of it is docker commit of a container that ran {command}"


@hazard(
    "image-without-name",
    "warning",
    "after the next prune it is gone, and the container cannot be made anew",
    "tag it and push it to a registry, or build it again under its name",
)
def image_without_name(current: Current) -> Seen:
    """Containers whose image has neither a tag nor a digest any more."""
    for container in current.containers:
        if not container.built_from.tags and not container.built_from.digests and container.running:
            yield container.name, "its image has no name any more: another one was given its tag"


@hazard(
    "image-here-only",
    "note",
    "when this disk is lost, the environment that people work in is lost",
    "push it to a registry whose store is in the backup, and keep its Dockerfile in version control",
)
def image_here_only(current: Current) -> Seen:
    """Images of people's servers that are in no registry."""
    alone = {each.image for each in people(current) if each.built_from.tags and not each.built_from.digests}
    for image in sorted(alone):
        yield image, "it is in no registry"


@hazard(
    "engine-silent",
    "critical",
    "no server can be started or stopped, and the hub does not know who runs what",
    "systemctl status docker; journalctl -u docker",
)
def engine_silent(current: Current) -> Seen:
    """Docker is installed and does not answer."""
    if current.engine.there and not current.engine.answers:
        yield "docker", "the engine is installed and does not answer"


@hazard(
    "live-restore-off",
    "warning",
    "an update or restart of the engine ends everybody's running notebooks",
    '"live-restore": true in /etc/docker/daemon.json, then systemctl reload docker',
)
def live_restore_off(current: Current) -> Seen:
    """An engine that takes people's servers with it."""
    if current.engine.answers and not current.engine.live_restore and any(people(current)):
        yield "docker", "live-restore is off, and people's servers run in it"
