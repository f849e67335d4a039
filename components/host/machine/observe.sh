#!/bin/sh
# What this machine holds, for the program to read before it plans: INSTANCE TAB FILE TAB LINE, and what look.sh finds. Arguments:
# the files that roles show, "as", and the command prefix for root (sudo). Changes nothing. The files read here are world-readable,
# and hold no secret.
files=
while [ $# -gt 0 ] && [ "$1" != as ]; do
  files="$files $1"
  shift
done
[ $# = 0 ] || shift
sudo=$*
set --
for state in /var/lib/loopback-ha/*/; do
  [ -e "$state/current/meta" ] || [ -e "$state/in-doubt" ] || continue
  for file in current/meta in-doubt applied $files; do
    [ ! -s "$state$file" ] || set -- "$@" "$state$file"
  done
  # A mark without a time, as a full disk leaves it, is still a mark.
  if [ -e "${state}in-doubt" ] && [ ! -s "${state}in-doubt" ]; then
    instance=${state%/}
    printf '%s\tin-doubt\tan unknown time\n' "${instance##*/}"
  fi
done
# One process for all files: this runs on every machine at every preview.
[ $# = 0 ] || awk '{ n = split(FILENAME, part, "/"); print part[5] "\t" part[n] "\t" $0 }' "$@" || exit 0
for script in /var/lib/loopback-ha/*/current/scripts/look.sh; do
  [ -e "$script" ] || continue
  # Our stdin is this script.
  $sudo bash "$script" </dev/null 2>/dev/null || printf -- '-\tblind\n'
  break
done
# The gateway through which this machine answers clients.
ip -4 route show default 2>/dev/null | awk '{ print "-\tgateway\t" $3; exit }'
# When an instance was last added or removed: a machine that has none of a stack's now may have had some before.
printf -- '-\tsince\t%s\n' "$(stat -c %Z /var/lib/loopback-ha 2>/dev/null || stat -c %Z /var/lib)"
# The last line shows that the answer is complete.
printf -- '-\tnow\t%s\n' "$(date +%s)"
