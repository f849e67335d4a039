#!/bin/sh
# What this machine holds, for the program to look at before it plans: INSTANCE TAB FILE TAB LINE. Changes nothing
# and needs no root: what it reads is world-readable, and no secret.
set --
for state in /var/lib/loopback-ha/*/; do
  [ -e "$state/current/meta" ] || [ -e "$state/in-doubt" ] || continue
  for file in current/meta in-doubt current/want/routes current/want/servers names served left; do
    [ ! -s "$state$file" ] || set -- "$@" "$state$file"
  done
  # A mark that a full disk left without a time is a mark.
  if [ -e "${state}in-doubt" ] && [ ! -s "${state}in-doubt" ]; then
    instance=${state%/}
    printf '%s\tin-doubt\tan unknown time\n' "${instance##*/}"
  fi
done
# One process for all files: this runs on every machine at every preview.
[ $# = 0 ] || awk '{ n = split(FILENAME, part, "/"); print part[5] "\t" part[n] "\t" $0 }' "$@" || exit
# Last: it says that the answer is whole.
printf -- '-\tnow\t%s\n' "$(date +%s)"
