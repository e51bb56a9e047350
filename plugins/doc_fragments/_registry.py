# Copyright (c) 2026, The labserver.jupyter authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

# Note that this doc fragment is **PRIVATE** to the collection. It can have breaking changes at any time.

from __future__ import annotations


class ModuleDocFragment:
    # How a registry is reached.
    DOCUMENTATION = r"""
options:
  url:
    description: URL of the registry, as the host that runs the module reaches it.
    type: str
    default: http://127.0.0.1:5000
  username:
    description: User of the registry, for Basic and for Bearer tokens.
    type: str
  password:
    description: Password of O(username).
    type: str
  password_file:
    description: File on the host with the password of O(username), used instead of O(password).
    type: path
  ca_file:
    description: File on the host with the certificates of the CA that signed the registry's certificate.
    type: path
  validate_certs:
    description: Whether to check the registry's certificate.
    type: bool
    default: true
  token_hosts:
    description:
      - Hosts other than the registry's own that may get the password in exchange for a Bearer token, for example
        V(auth.docker.io).
    type: list
    elements: str
    default: []
  threads:
    description: Number of connections. More than 8 brought nothing on two cores.
    type: int
    default: 8
  timeout:
    description: Seconds that the registry may be silent in a request.
    type: int
    default: 30
"""

    # How a registry on this host is brought to rest while its store is worked on.
    PAUSE = r"""
options:
  store:
    description:
      - Folder of the registry's store on this host, C(rootdirectory) of its driver C(filesystem), as the host sees it.
    type: path
  container:
    description:
      - Name of the registry's container, when it is one of the role C(labserver.jupyter.registry) (or runs its
        script C(serve)). It is asked to let go of the store, and starts again as soon as the work ends in any way.
    type: str
    default: labserver-registry
  docker_socket:
    description: Socket of the engine that runs O(container).
    type: path
    default: /var/run/docker.sock
  stop_command:
    description:
      - Command that stops a registry which somebody else set up, for example V([docker, stop, registry]). Used instead
        of O(container). It must return when the registry has ended.
    type: list
    elements: str
  start_command:
    description:
      - Command that starts that registry again. It runs too when the module is killed. So that the registry survives a
        reboot in the middle, it must start at boot (an enabled unit, or C(restart=always), not C(unless-stopped)).
    type: list
    elements: str
  grace_seconds:
    description:
      - Blobs that were written within so many seconds are not collected, since the push that they belong to may still
        be under way.
    type: int
    default: 3600
"""

    # The policies of registry_prune.
    POLICIES = r"""
options:
  policies:
    description: What is kept. The first policy that matches a repository decides; other repositories are left alone.
    type: list
    elements: dict
    default: []
    suboptions:
      repositories:
        description:
          - Patterns of repositories. C(*) and C(?) stop at C(/), C(**) does not; after C(~) comes a regular expression.
        type: list
        elements: str
        default: ["**"]
      tags:
        description: Patterns of the tags that the rules below are about; others stay.
        type: list
        elements: str
        default: ["*"]
      keep_tags:
        description: Patterns of tags that always stay.
        type: list
        elements: str
        default: []
      remove_tags:
        description: Patterns of tags that go without being counted, unless O(policies[].keep_tags) keeps them.
        type: list
        elements: str
        default: []
      keep_last:
        description: Keep so many, the newest by O(policies[].order). 0 is no rule.
        type: int
        default: 0
      keep_within:
        description: Keep what is younger, for example C(30d); units are min, h, d, w, mo (30 d) and y (365 d).
        type: str
        default: "0"
      keep_hourly:
        description: Keep the newest of each of the last so many hours that have one.
        type: int
        default: 0
      keep_daily:
        description: The same for days (UTC).
        type: int
        default: 0
      keep_weekly:
        description: The same for ISO weeks.
        type: int
        default: 0
      keep_monthly:
        description: The same for months.
        type: int
        default: 0
      keep_yearly:
        description: The same for years.
        type: int
        default: 0
      min_age:
        description: Nothing younger is ever removed; it may belong to a push that is under way.
        type: str
        default: 1h
      order:
        description:
          - What is the newest for O(policies[].keep_last). V(semver) orders versions (semantic, PEP 440, any number of
            parts); names that are no versions, such as C(latest), are then kept and not counted.
            O(policies[].remove_tags) removes them.
        type: str
        choices: [age, semver, name]
        default: age
      age:
        description:
          - Which time counts. V(auto) is the time of the last push where it can be known (with O(store)), else the time
            of the build. Times before 1990 or in the future count as unknown, and what has no age stays.
        type: str
        choices: [auto, pushed, created]
        default: auto
      count:
        description: Whether O(policies[].keep_last) counts images, however many tags they have, or tags.
        type: str
        choices: [digests, tags]
        default: digests
      remove_untagged:
        description: Remove manifests that no tag and no kept index names. Only O(store) knows them.
        type: bool
        default: true
      remove_orphans:
        description: Remove signatures and other referrers with a tag whose image is gone.
        type: bool
        default: false
      max_fraction:
        description: As O(max_fraction), for these repositories.
        type: float
      allow_empty:
        description: As O(allow_empty), for these repositories.
        type: bool
"""
