# Copyright (c) 2026, The labserver.jupyter authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What a hub that was taken over might ask of Docker. Each entry is refused by the guard.

``CREATE``: changes of the body of a good request; ``RAW``: bodies that are not what they seem; ``REQUESTS``: other
calls.
"""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

from samples import DIGEST, OTHER_DIGEST, good_body

Body = dict[str, Any]
Change = Callable[[Body], Any]


def host(**values: Any) -> Change:
    """Return a change that sets keys of HostConfig."""
    return lambda body: body["HostConfig"].update(values)


def top(**values: Any) -> Change:
    """Return a change that sets keys of the body."""
    return lambda body: body.update(values)


def bind(*more: str) -> Change:
    """Return a change that adds binds."""
    return lambda body: body["HostConfig"]["Binds"].extend(more)


def without(key: str) -> Change:
    """Return a change that takes a key of HostConfig away."""
    return lambda body: body["HostConfig"].pop(key)


def body_tmpfs(body: Body) -> str:
    """Return the options of /tmp in a body."""
    return str(body["HostConfig"]["Tmpfs"]["/tmp"])


CREATE: dict[str, Change] = {
    "privileged": host(Privileged=True),
    "privileged in another case": host(privileged=True),
    "capabilities added": host(CapAdd=["SYS_ADMIN"]),
    "capabilities kept": without("CapDrop"),
    "some capabilities kept": host(CapDrop=["NET_RAW"]),
    "new privileges": host(SecurityOpt=[]),
    "seccomp off": host(SecurityOpt=["no-new-privileges", "seccomp=unconfined"]),
    "apparmor off": host(SecurityOpt=["no-new-privileges", "apparmor=unconfined"]),
    "host network": host(NetworkMode="host"),
    "network of another container": host(NetworkMode="container:labserver-hub"),
    "another network by endpoint": top(NetworkingConfig={"EndpointsConfig": {"bridge": {}}}),
    "host processes": host(PidMode="host"),
    "processes of another container": host(PidMode="container:jupyter-mary-ann"),
    "host ipc": host(IpcMode="host"),
    "host uts": host(UTSMode="host"),
    "host users": host(UsernsMode="host"),
    "host cgroups": host(CgroupnsMode="host"),
    "another cgroup": host(CgroupParent="/"),
    "device": host(Devices=[{"PathOnHost": "/dev/sda", "PathInContainer": "/dev/sda", "CgroupPermissions": "rwm"}]),
    "device rules": host(DeviceCgroupRules=["b *:* rwm"]),
    "gpu that the person has not": host(
        DeviceRequests=[{"Driver": "nvidia", "DeviceIDs": ["0"], "Capabilities": [["gpu"]]}]
    ),
    "root of the host": bind("/:/host"),
    "docker socket": bind("/var/run/docker.sock:/var/run/docker.sock"),
    "etc": bind("/etc:/etc2:ro"),
    "another home": bind("/home/jupyter-mary-ann:/home/jupyter-mary-ann"),
    "all homes": bind("/home:/home"),
    "home with dots": bind("/home/jupyter-alice/../jupyter-mary-ann:/x"),
    "home mounted elsewhere": lambda body: body["HostConfig"]["Binds"].__setitem__(
        0, "/home/jupyter-alice:/usr/bin:rw"
    ),
    "password file writable": lambda body: body["HostConfig"]["Binds"].__setitem__(
        1, "/etc/labserver/public/passwd:/etc/passwd:rw"
    ),
    "read-only share writable": bind("/srv/labserver/shares/scratch:/srv/labserver/shares/scratch:rw,rslave"),
    "share of another group": lambda body: body["HostConfig"]["Binds"].append(
        "/srv/labserver/shares/secret:/srv/labserver/shares/secret:rw,rslave"
    ),
    "shared propagation": lambda body: body["HostConfig"].update(
        Binds=[text.replace("rslave", "rshared") for text in body["HostConfig"]["Binds"]]
    ),
    "the same bind twice": bind("/home/jupyter-alice:/home/jupyter-alice:rw"),
    "no home": lambda body: body["HostConfig"]["Binds"].pop(0),
    "binds that are no list": host(Binds="/:/host"),
    "mounts beside binds": host(Mounts=[{"Type": "bind", "Source": "/", "Target": "/host"}]),
    "volumes from": host(VolumesFrom=["labserver-hub"]),
    "volume driver": host(VolumeDriver="local"),
    "tmpfs with options": host(Tmpfs={"/x": "suid,exec"}),
    "no tmpfs": without("Tmpfs"),
    "tmpfs for one folder less": lambda body: body["HostConfig"]["Tmpfs"].pop("/tmp"),
    "tmpfs for one folder more": lambda body: body["HostConfig"]["Tmpfs"].update({"/etc": body_tmpfs(body)}),
    "tmpfs that is larger": lambda body: body["HostConfig"]["Tmpfs"].update(
        {"/tmp": body_tmpfs(body).replace("size=5", "size=15")}
    ),
    "tmpfs without a size": lambda body: body["HostConfig"]["Tmpfs"].update({"/tmp": "rw,exec,nosuid,nodev,mode=1777"}),
    "tmpfs with set-uid programs": lambda body: body["HostConfig"]["Tmpfs"].update(
        {"/tmp": body_tmpfs(body).replace("nosuid", "suid")}
    ),
    "tmpfs with devices": lambda body: body["HostConfig"]["Tmpfs"].update(
        {"/tmp": body_tmpfs(body).replace("nodev", "dev")}
    ),
    "tmpfs of another user": lambda body: body["HostConfig"]["Tmpfs"].update({"/tmp": body_tmpfs(body) + ",uid=0"}),
    "tmpfs measured by more memory than the server has": lambda body: body["HostConfig"].update(
        Memory=1 << 29, MemorySwap=1 << 29
    ),
    "tmpfs as a list": host(Tmpfs=["/tmp"]),
    "sysctls": host(Sysctls={"kernel.shm_rmid_forced": "1"}),
    "runtime": host(Runtime="evil"),
    "oom": host(OomKillDisable=True),
    "oom score": host(OomScoreAdj=-1000),
    "published ports": host(PortBindings={"8888/tcp": [{"HostPort": "80"}]}),
    "all ports": host(PublishAllPorts=True),
    "restart": host(RestartPolicy={"Name": "always"}),
    "masked paths": host(MaskedPaths=[]),
    "read-only paths": host(ReadonlyPaths=[]),
    "extra hosts": host(ExtraHosts=["labserver-hub:10.0.0.1"]),
    "dns": host(Dns=["10.0.0.1"]),
    "log driver": host(LogConfig={"Type": "syslog", "Config": {"syslog-address": "tcp://10.0.0.1:1"}}),
    "log without limit": host(LogConfig={"Type": "json-file", "Config": {}}),
    "no memory limit": without("Memory"),
    "memory limit zero": host(Memory=0, MemorySwap=0),
    "more memory": host(Memory=1 << 40, MemorySwap=1 << 40),
    "memory as a truth": host(Memory=True, MemorySwap=True),
    "swap beyond memory": host(MemorySwap=-1),
    "no cpu limit": without("CpuQuota"),
    "cpu without end": host(CpuQuota=-1),
    "other cpu period": host(CpuPeriod=1000),
    "no process limit": without("PidsLimit"),
    "processes without end": host(PidsLimit=-1),
    "foreign group": lambda body: body["HostConfig"]["GroupAdd"].append("30002"),
    "docker's group": host(GroupAdd=["docker"]),
    "root's group": host(GroupAdd=["0"]),
    "storage limit that the host does not have": host(StorageOpt={"size": "21474836480"}),
    "empty unknown key": host(Tomorrow=None),
    "root": top(User="0:0"),
    "root by name": top(User="root"),
    "no user": top(User=""),
    "another user": top(User="20002:20002"),
    "another group": top(User="20001:0"),
    "user without group": top(User="20001"),
    "foreign image": top(Image="docker.io/library/alpine:latest"),
    "image by tag": top(Image="127.0.0.1:5000/notebook:1.0"),
    "unknown digest": top(Image="127.0.0.1:5000/notebook@sha256:" + "c" * 64),
    "image of another group": top(Image=f"127.0.0.1:5000/steps@{OTHER_DIGEST}"),
    "image as a list": top(Image=[f"127.0.0.1:5000/notebook@{DIGEST}"]),
    "entry point": top(Entrypoint=["/bin/sh"]),
    "command as a text": top(Cmd="sh -c id"),
    "working directory": top(WorkingDir="/etc"),
    "volumes": top(Volumes={"/var/run": {}}),
    "ports": top(ExposedPorts={"22/tcp": {}}),
    "mac address": top(MacAddress="02:42:ac:11:00:02"),
    "health check": top(Healthcheck={"Test": ["CMD", "id"]}),
    "label of another user": top(Labels={"org.labserver.user": "mary-ann", "org.labserver.room": "hub-server"}),
    "label of another room": top(Labels={"org.labserver.user": "alice", "org.labserver.room": "hub"}),
    "label of a further server": lambda body: body["Labels"].update({"org.labserver.server": "sim"}),
    "no labels": lambda body: body.pop("Labels"),
    "other labels": lambda body: body["Labels"].update({"com.docker.compose.project": "x"}),
    "no host configuration": lambda body: body.pop("HostConfig"),
    "host configuration as a list": top(HostConfig=[]),
    "environment as an object": top(Env={"A": "b"}),
}

_TEXT = json.dumps(good_body())
RAW: dict[str, bytes] = {
    "empty": b"",
    "not json": b"{",
    "a list": b"[]",
    "two bodies": (_TEXT + _TEXT).encode(),
    "key twice": _TEXT.replace('"User"', '"User": "0:0", "User"').encode(),
    "key twice in another case": _TEXT.replace('"User"', '"user": "0:0", "User"').encode(),
    "key twice within": _TEXT.replace('"Memory":', '"memory": 0, "Memory":').encode(),
    "key twice by escape": _TEXT.replace('"User"', '"U\\u0073er": "0:0", "User"').encode(),
    "too deep": b'{"a":' * 5000 + b"1" + b"}" * 5000,
    "too long": b'{"a": "' + b"x" * 300_000 + b'"}',
    "not utf-8": _TEXT.encode().replace(b"Notebook", b"\xff\xfe").replace(b"alice", b"al\xffice"),
}

REQUESTS: tuple[tuple[str, str], ...] = (
    ("GET", "/containers/json"),
    ("GET", "/info"),
    ("GET", "/events"),
    ("GET", "/images/json"),
    ("GET", "/volumes"),
    ("GET", "/secrets"),
    ("POST", "/build"),
    ("POST", "/images/create?fromImage=alpine"),
    ("POST", "/images/load"),
    ("DELETE", "/images/notebook"),
    ("POST", "/volumes/create"),
    ("POST", "/networks/create"),
    ("POST", "/networks/labserver-hub/connect"),
    ("POST", "/swarm/init"),
    ("POST", "/containers/prune"),
    ("POST", "/containers/own/exec"),
    ("POST", "/exec/abc/start"),
    ("GET", "/exec/abc/json"),
    ("GET", "/labserver/work/labserver-hub?minutes=10"),
    ("GET", "/labserver/work/impostor?minutes=10"),
    ("GET", "/labserver/work/own?minutes=10;id"),
    ("GET", "/labserver/work/own?minutes=10&minutes=20"),
    ("GET", "/labserver/servers?all=1"),
    ("GET", "/containers/own/top"),
    ("POST", "/containers/own/attach"),
    ("POST", "/containers/own/update"),
    ("POST", "/containers/own/rename?name=x"),
    ("POST", "/containers/own/kill"),
    ("POST", "/containers/own/restart"),
    ("PUT", "/containers/own/archive?path=/"),
    ("GET", "/containers/own/archive?path=/etc"),
    ("GET", "/containers/own/export"),
    ("POST", "/commit?container=own"),
    ("GET", "/containers/own/logs?stdout=1&follow=1"),
    ("GET", "/containers/own/stats?stream=1"),
    ("POST", "/containers/own/start?detachKeys=x"),
    ("POST", "/containers/own/stop?t=1&t=2"),
    ("POST", "/containers/labserver-hub/stop"),
    ("DELETE", "/containers/labserver-hub?force=1"),
    ("GET", "/containers/labserver-docker-guard/json"),
    ("POST", "/containers/impostor/stop"),
    ("POST", "/containers/other-room/start"),
    ("GET", "/containers/own/../labserver-hub/json"),
    ("GET", "/containers/own%2f..%2flabserver-hub/json"),
    ("GET", "//containers/json"),
    ("GET", "/v1.41//containers/json"),
    ("GET", "/v1.41/../containers/json"),
    ("GET", "/V1.41/containers/own/json"),
    ("GET", "/v9.99/containers/own/json"),
    ("GET", "/containers/own/json?size=1"),
    ("GET", "/containers/own%00/json"),
    ("GET", "/images/alpine/json"),
    ("GET", "/images/127.0.0.1:5000/notebook:1.0/json"),
    ("GET", "/images/127.0.0.1:5000/notebook@sha256:" + "c" * 64 + "/json"),
    ("POST", "/containers/create"),
    ("POST", "/containers/create?name=labserver-hub"),
    ("POST", "/containers/create?name=jupyter-eve"),
    ("POST", "/containers/create?name=server-sim.jupyter-alice"),
    ("POST", "/containers/create?name=server-sim.jupyter-mary-ann"),
    ("GET", "/labserver/taken/jupyter-eve"),
    ("GET", "/labserver/taken/own?all=1"),
    ("POST", "/containers/create?name=jupyter-carol"),
    ("POST", "/containers/create?name=jupyter-alice&platform=linux/arm"),
    ("POST", "/containers/create?name=jupyter-alice&name=labserver-hub"),
    ("POST", "/containers/create?name=jupyter-mary-ann"),
    ("PATCH", "/containers/own/json"),
    ("GET", "http://other/containers/own/json"),
    ("GET", "/grpc"),
    ("POST", "/session"),
)
