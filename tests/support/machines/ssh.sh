#!/bin/sh
# Copyright (c) 2026, The labserver.jupyter authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
#
# ssh for Ansible: the guest's network is a namespace of its own. The connection is shared with guest.py, which ends
# it together with the guest (the first value of an option counts).
namespace=$(cat "$(dirname "$0")/../../../.cache/machines/run/namespace")
exec nsenter "--net=/run/netns/$namespace" -- ssh -o ControlMaster=auto -o ControlPersist=60 -o "ControlPath=/tmp/$namespace-%C" \
  -o ServerAliveInterval=5 -o ServerAliveCountMax=4 "$@"
