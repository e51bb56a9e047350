#!/bin/sh
# PostgreSQL whose password comes from a secret file; runs as the user postgres.
set -eu
data=/data/pg
password=$(cat "$PASSWORD_FILE")
mkdir -p "$data" && chown postgres "$data"
if [ ! -e "$data/PG_VERSION" ]; then
  (umask 077; printf %s "$password" > /tmp/password; chown postgres /tmp/password)
  setpriv --reuid=postgres --regid=postgres --clear-groups initdb -D "$data" -A scram-sha-256 --pwfile=/tmp/password >/dev/null
  rm /tmp/password
  echo "host all all all scram-sha-256" >> "$data/pg_hba.conf"
fi
exec setpriv --reuid=postgres --regid=postgres --clear-groups postgres -D "$data" -c listen_addresses='*' -c unix_socket_directories=/tmp
