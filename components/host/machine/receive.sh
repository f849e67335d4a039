# shellcheck shell=bash
# Runs on the machine as the input of "bash -s loopback-ha SECONDS TOKEN [1] [despite SITE,...]": reads the bundle that follows on
# stdin, and applies it. The first line has the bundle's length and checksum, as a broken connection looks like the bundle's end.
# SECONDS: the time limit. TOKEN: names a later confirmation. 1: moves traffic even to servers that do not answer. despite: even if
# these sites' own pages are worse there.
# In braces, so that bash reads it whole before the bundle.
{
  shift
  set -eu
  umask 022
  read -r magic size checksum
  [ "$magic" = LOOPBACK-HA-1 ] || { echo "no bundle on stdin; nothing was changed" >&2; exit 1; }
  seconds=$1 token=$2 force='' despite=''
  shift 2
  if [ "${1:-}" = 1 ]; then
    force=1
    shift
  fi
  if [ "${1:-}" = despite ]; then despite=${2:-}; fi
  # Folders of runs that were killed; a folder's name has its process ID.
  for left in /run/loopback-ha-in.*.*; do
    of=${left#/run/loopback-ha-in.}
    [ ! -d "$left" ] || [ -d "/proc/${of%%.*}" ] || rm -rf "$left"
  done
  in=$(mktemp -d "/run/loopback-ha-in.$$.XXXXXX")
  trap 'rm -rf "$in"' EXIT
  trap '' HUP INT TERM PIPE
  mkdir "$in/bundle"
  head -c "$size" >"$in/tar"
  if [ "$(sha256sum <"$in/tar")" != "$checksum  -" ]; then
    echo "the bundle arrived truncated; nothing was changed" >&2
    exit 1
  fi
  tar -xz --no-same-owner -f "$in/tar" -C "$in/bundle"
  turn=$(sed -n 's/^turn_seconds=//p' "$in/bundle/meta")
  limit=$((seconds + ${turn:-0}))
  # Output goes to files: apply.sh must not fail when the connection breaks. On descriptors 3 and 4 it asks for its turn.
  result=0
  LOOPBACK_HA_SCRATCH=$in LOOPBACK_HA_TOKEN=$token LOOPBACK_HA_FORCE_MOVE=$force LOOPBACK_HA_DESPITE_SITES=$despite timeout -k 5 "$limit" bash "$in/bundle/scripts/apply.sh" 3<&0 4>&1 >"$in/out" 2>"$in/err" </dev/null || result=$?
  cat "$in/err" >&2 || true
  cat "$in/out" || true
  instance=$(sed -n 's/^instance=//p' "$in/bundle/meta")
  if [ "$result" -ge 124 ]; then
    if [ -e "/var/lib/loopback-ha/$instance/in-doubt" ]; then now="the machine is in doubt until the next 'pulumi up' succeeds on it"; else now="nothing was changed"; fi
    if [ "$SECONDS" -ge "$limit" ]; then how="stopped after $limit s"; else how="ended by someone else"; fi
    echo "$how (exit code $result); $now" >&2
  fi
  [ "$result" = 0 ] || exit 1
  pending=/run/loopback-ha/pending.$instance
  if [ -e "$pending" ]; then
    echo "LOOPBACK-HA-CONFIRM $(sed -n 's/^seconds=//p' "$pending")"
  else
    bash "$in/bundle/scripts/acknowledge.sh" "/var/lib/loopback-ha/$instance/in-doubt"
  fi
  exit
}
