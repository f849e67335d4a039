#!/bin/sh
# What this machine holds, for the program to look at before it plans: INSTANCE TAB FILE TAB LINE. Changes nothing
# and needs no root: what it reads is world-readable, and no secret.
printf -- '-\tnow\t%s\n' "$(date +%s)"
for state in /var/lib/loopback-ha/*/; do
  [ -e "$state/current/meta" ] || [ -e "$state/in-doubt" ] || continue
  instance=$(basename "$state")
  for file in current/meta in-doubt current/want/routes names served left; do
    [ ! -e "$state/$file" ] || sed "s|^|$instance	${file##*/}	|" "$state/$file"
  done
done
