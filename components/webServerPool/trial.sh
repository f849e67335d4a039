#!/bin/bash
# Starts this machine's Apache with its whole configuration and our new text, isolated from everything. Apache's own test checks
# syntax only; a key that does not fit, a log file that cannot be opened or a port in use still stops it.
#   unshare -n -m -p -i -f --kill-child --mount-proc bash trial.sh FOLDER VHOSTS SECONDS
# FOLDER is empty but for vhosts.conf (our text), network (for ip -batch), question (ADDRESS TAB HOST TAB PATH) and dump (the
# configuration as dump_config printed it; may be missing).
# Prints "alive" and a line "listen TAB ADDRESS TAB PORT" for each socket; "ended TAB WORDS" in Apache's own words; "silent"; or
# "unknown TAB REASON" when no trial is possible. Nothing that is written leaves the trial: overlays cover all file systems.
set -euo pipefail
export LC_ALL=C PATH=/usr/sbin:/usr/bin:/sbin:/bin
readonly folder=$1 vhosts=$2 seconds=$3
readonly mod_info=/usr/lib/apache2/modules/mod_info.so

unknown() {
  printf 'unknown\t%s\n' "$*"
  exit 0
}
# Programs named in the configuration must not run here as root.
readonly pipes='^[ \t]*[A-Za-z]+([ \t]+|[ \t].*[ \t])["'\'']?([|]|prg:|exec:)'
readonly harmless='^[ \t]*(<|#|(Rewrite(Cond|Rule)|LogFormat|Header|RequestHeader|SetEnvIf.*|ErrorDocument)[ \t]|SSLPassPhraseDialog +exec:/bin/false$)'

ip link set lo up
ip -force -batch "$folder/network" >/dev/null 2>&1 || true
for family in ipv4 ipv6; do
  [[ ! -e $folder/nonlocal ]] || echo 1 >"/proc/sys/net/$family/ip_nonlocal_bind"
done 2>/dev/null || true

readonly base=$folder/base root=$folder/base/root
mkdir "$base"
mount -t tmpfs -o size=256m,mode=755 none "$base"
mkdir "$root" "$base/upper" "$base/work"
count=0
cover() {
  count=$((count + 1))
  mkdir "$base/upper/$count" "$base/work/$count"
  # The overlay keeps the folders and owners of the file system below.
  mount -t overlay -o "lowerdir=$1,upperdir=$base/upper/$count,workdir=$base/work/$count" loopback-ha "$root$1" 2>/dev/null
}
cover / || unknown "no overlay can be mounted over this file system"
while read -r at kind; do
  printf -v at %b "$at"
  case $kind:$at in
    *:/proc/?* | *:/dev/shm | *:/run/systemd* | *:"$folder"/* | *[:,\\]*/*[:,\\]*) continue ;;
    proc:/proc | sysfs:/sys | devtmpfs:/dev | tmpfs:/dev) mount --bind "$at" "$root$at" ;;
    ext?:* | xfs:* | btrfs:* | zfs:* | f2fs:* | jfs:* | tmpfs:*)
      if [[ ! -d $at ]]; then mount --bind "$at" "$root$at"; else cover "$at"; fi
      ;;
    nfs*:* | cifs:* | ceph:* | fuse*:* | squashfs:* | virtiofs:* | 9p:* | vfat:*)
      mount --bind "$at" "$root$at" && mount -o remount,bind,ro "$root$at"
      ;;
  esac 2>/dev/null || true
done < <(awk '$5 != "/" { for (i = 7; $i != "-"; i++); print $5, $(i + 1) }' /proc/self/mountinfo | sort -u)
mount -t tmpfs -o size=64m,mode=1777 none "$root/dev/shm" 2>/dev/null || true
# No journal and no service manager in here.
[[ ! -d $root/run/systemd ]] || mount -t tmpfs none "$root/run/systemd"
[[ ! -d $root/run/dbus ]] || mount -t tmpfs none "$root/run/dbus"

inside() { chroot "$root" "$@"; }
rm -f "$root$vhosts"
[[ ! -s $folder/vhosts.conf ]] || install -m 600 "$folder/vhosts.conf" "$root$vhosts"

dump() { inside apache2ctl -t -D DUMP_INCLUDES -D DUMP_CONFIG -C "LoadModule info_module $mod_info" >"$base/dump" 2>"$base/errors"; }
words() {
  {
    cat "$base/errors" 2>/dev/null
    grep -rhsE '^\[.*(:(emerg|alert|crit|error)\]|AH[0-9]{5}:)' "$base/upper" | sort
  } | sed -E 's/^\[[^]]*\] (\[[a-z_0-9]+:[a-z]+\] )?(\[pid [^]]*\] )?//' |
    grep -vE 'AH0055[78]|AH00112|AH0001[56]|^(Action|SSL Library Error) |^The Apache error log|^Syntax OK|^ *$' | awk '!seen[$0]++' | tail -n 3 | tr '\n' ' '
}
# Has it a pass phrase? No one can enter it here.
is_locked_key() { [[ $1 =~ 'encrypted (?) private key '.*', check '([^ ]+) ]] && grep -q ENCRYPTED "$root${BASH_REMATCH[1]}"; } 2>/dev/null
ended() {
  local text
  text=$(words || true)
  ! is_locked_key "$text" || unknown "a key asks for its pass phrase: $text"
  case $text in
    *'No space left on device'* | *'Read-only file system'*) unknown "it needs more space than a trial run has, or a file system that is read-only there: $text" ;;
  esac
  printf 'ended\t%s\n' "$text"
  exit 0
}
runs_programs() { grep -E "$pipes" "$base/dump" | grep -viE "$harmless"; }

if [[ -s $folder/dump ]]; then cp "$folder/dump" "$base/dump"; else dump || ended; fi
if runs_programs >/dev/null; then
  sed -nE 's/^ +\([0-9*]+\) (\/.*)/\1/p' "$base/dump" | sort -u | while read -r file; do
    inside readlink -f "$file"
  done | sort -u | while read -r file; do
    grep -qE '[|]|prg:|exec:' "$root$file" || continue
    perl -pi -e '
      next if /^\s*#/;
      my $program = qr/"\|(?:\\.|[^"\\])*"|\x27\|(?:\\.|[^\x27\\])*\x27|\|\S+/;
      s/^(\s*(?:\w*Log|Define\s+\S+)\s+)$program/$1\/dev\/null/i;
      s/^(\s*RewriteMap\s+\S+\s+)(?:"prg:[^"]*"|\x27prg:[^\x27]*\x27|prg:\S+)/$1txt:\/dev\/null/i;
      s/^(\s*SSLPassPhraseDialog\s+)["\x27]?(?:\||exec:).*/$1exec:\/bin\/false/i;
    ' "$root$file"
  done
  dump || ended
  line=$(runs_programs | head -n 1) && unknown "it would run a program: ${line:0:80}"
fi

# The overlay would copy a log file before Apache appends to it.
awk 'tolower($1) ~ /log$|^pidfile$/ && $2 ~ /^"?\// { gsub(/"/, "", $2); print $2 }' "$base/dump" | sort -u | while read -r file; do
  file=$(inside readlink -m "$file")
  [[ ! -f $root$file ]] || rm -f "$root$file" 2>/dev/null || true
done

lives() {
  local name
  for name in /proc/[0-9]*/comm; do
    [[ $(<"$name") != apache2 ]] || return 0
  done 2>/dev/null
  return 1
}
IFS=$'\t' read -r address host path <"$folder/question"
# Any HTTP answer counts.
answers() {
  local line=''
  {
    exec 3<>"/dev/tcp/$address/80" && printf 'GET %s HTTP/1.1\r\nHost: %s\r\nConnection: close\r\n\r\n' "$path" "$host" >&3 && read -r -t 2 line <&3
    exec 3>&-
  } 2>/dev/null
  [[ $line == HTTP/* ]]
}

# Not bash's SECONDS, which follows the wall clock (L15).
uptime_seconds() { cut -d . -f 1 /proc/uptime; }
deadline=$(($(uptime_seconds) + seconds))
inside env APACHE_STARTED_BY_SYSTEMD=true apache2ctl start </dev/null >"$base/errors" 2>&1 || ended
while ! (answers); do
  lives || ended
  if (($(uptime_seconds) >= deadline)); then
    echo silent
    exit 0
  fi
  sleep 0.05
done
echo alive
ss -Hltn | awk -v OFS='\t' '{ at = $4; sub(/:[0-9]+$/, "", at); sub(/.*:/, "", $4); print "listen", at, $4 }'
