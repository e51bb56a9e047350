#!/bin/sh
# ssh for Ansible: the guest's network is a namespace of its own (see uml.py).
exec nsenter --net=/run/netns/labserver-shares -- ssh "$@"
