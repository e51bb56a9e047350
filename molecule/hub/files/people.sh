#!/bin/sh
# People as the accounts role would have made them. Runs in check mode too: the hub's role only reads what it leaves.
set -eu
public=/etc/labserver/public
[ -e $public/roster.json ] && exit 0
mkdir -p $public
user() { # name uid groups admin
  id "jupyter-$1" >/dev/null 2>&1 || useradd --uid "$2" --user-group --create-home --shell /bin/bash "jupyter-$1"
  chmod 700 "/home/jupyter-$1"
  for group in $(echo "$3" | tr , ' '); do usermod -aG "$group" "jupyter-$1"; done
  printf '%s"%s": {"system_name": "jupyter-%s", "uid": %s, "gid": %s, "full_name": "", "home": "/home/jupyter-%s",
    "shell": "/bin/bash", "groups": [%s], "admin": %s, "state": "present", "expires": null, "limits": {}}' \
    "$separator" "$1" "$1" "$2" "$2" "$1" "$(echo "$3" | sed 's/[a-z]\+/"&"/g')" "$4"
  separator=,
}
getent group leem >/dev/null || groupadd --gid 30001 leem
getent group xps >/dev/null || groupadd --gid 30002 xps
separator=
{
  printf '{"version": 1, "users": {'
  user alice 20001 leem,xps true
  user bob 20002 xps false
  user mary-ann 20003 leem false
  number=1
  while [ $number -le 20 ]; do
    user "student$number" $((20100 + number)) xps false
    number=$((number + 1))
  done
  printf '}, "groups": {"leem": {"gid": 30001}, "xps": {"gid": 30002}}}\n'
} > $public/.new
getent passwd | grep -E '^(root|nobody|jupyter-)' > $public/passwd
getent group | grep -E '^(root|nogroup|jupyter-|leem|xps)' > $public/group
mv $public/.new $public/roster.json
