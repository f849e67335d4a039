#!/bin/bash
# loopback-ha-guard: shows the servers that this router's guard holds as dead, and releases them.
# shellcheck disable=SC1091,SC2154 # it sources files of the router
set -eu
export LC_ALL=C PATH=/usr/sbin:/usr/bin:/sbin:/bin
root=/var/lib/loopback-ha

usage() {
  cat <<'END'
usage: loopback-ha-guard status
       loopback-ha-guard release [--force] SERVER
  status   whether the guard runs, which servers it holds as dead, and what it did last
  release  SERVER gets its prefixes back, after the same health check that pulumi up makes
  --force  even if SERVER does not answer for all VIPs
The guard never brings a server back by itself. To keep its moves instead: loopback-ha adopt, where the project is.
END
}
fail() {
  printf 'loopback-ha-guard: %s\n' "$*" >&2
  exit 1
}
wrong_usage() {
  usage >&2
  exit 2
}

guarded() {
  local settings
  for settings in "$root"/*/current/want/settings; do
    if [[ -e $settings ]] && grep -q '^guard_interval=.' "$settings"; then printf '%s\n' "${settings%/want/settings}"; fi
  done
}

status() {
  local current instance held unit any=''
  for current in $(guarded); do
    any=1
    instance=${current#"$root"/} instance=${instance%/current}
    unit=loopback-ha-guard.$instance.service held=/run/loopback-ha/held.$instance
    [[ -e $held ]] || held=$root/$instance/held
    printf '%s: the guard is %s' "$instance" "$(systemctl is-active "$unit" || true)"
    awk -F = '{ value[$1] = $2 } END { print ", " value["guard_interval"] " ms a round, " value["guard_fall"] " rounds" (value["guard_dry_run"] == "yes" ? ", dry run: it moves nothing" : "") }' "$current/want/settings"
    if [[ -s $held ]]; then
      awk '{ reason = $0; sub(/^[^ ]+ [^ ]+ /, "", reason); print "  held: " $1 " since " $2 ", because it " reason }' "$held"
    else
      echo '  no server is held'
    fi
    answer_times "/run/loopback-ha/guard.$instance"
    [[ ! -s $root/$instance/guard-history ]] || tail -n 5 "$root/$instance/guard-history" | sed 's/^/  /'
  done
  [[ $any ]] || fail "no guard is configured on this router (routers.NAME.guard in the config)"
}

# answer_times FOLDER: how long answers took, and who does not answer ping. See guard.pl.
answer_times() {
  [[ -s $1/answers ]] || return 0
  awk 'FILENAME ~ /pinged$/ { pinged[$1]; next }
    FNR == 1 { minutes = int($1 / 60); next }
    {
      print "  " $1 ": 99 % of " $2 " answers within " ($3 < 10 ? 10 : $3) " ms, the longest " ($4 < 10 ? 10 : $4) " ms" ($5 > 0 ? "; " $5 " did not come in time" : "") " (last " (minutes > 1 ? minutes " minutes" : "minute") ")"
      if (!($1 in pinged)) print "  " $1 " does not answer ping: if its machine dies, the guard sees that only by ARP, some 6 s later"
    }' "$(if [[ -e $1/pinged ]]; then echo "$1/pinged"; else echo /dev/null; fi)" "$1/answers"
}

release() {
  local server=$1 force=$2 current='' candidate held=''
  for candidate in $(guarded); do
    for file in "/run/loopback-ha/held.$(basename "$(dirname "$candidate")")" "${candidate%/current}/held"; do
      [[ -s $file ]] || continue
      if awk -v server="$server" '$1 == server { found = 1 } END { exit !found }' "$file"; then current=$candidate; fi
      held+=" $(awk '{ printf "%s ", $1 }' "$file")"
      break
    done
  done
  [[ $current ]] || fail "$server is not held; held here:${held:- none}. Nothing was changed"

  # With the lock, no other run changes the routes. A lost login must not stop this half-way.
  . "$current/scripts/lib.sh"
  fail() {
    printf 'loopback-ha-guard: %s\n' "$*" >&2
    exit 1
  }
  trap '' HUP INT TERM PIPE
  take_lock
  let_confirm
  local before copy
  load_holds
  before=$(<"$held_now")
  # A copy: while this asks the server, the supervisor and the guard adapt the files in force to the hold, which has not ended yet.
  rm -rf "$run"/release.*
  copy=$(mktemp -d "$run/release.XXXXXX")
  cp -R --preserve=mode "$state/current/." "$copy"
  if ! LOOPBACK_HA_LOCK=$lock LOOPBACK_HA_RELEASE=$server LOOPBACK_HA_FORCE_MOVE=$force bash "$copy/scripts/apply.sh"; then
    rm -rf "$copy"
    lock_tables
    # Undone, so the hold is in force again.
    if ! awk -v server="$server" '$1 == server { found = 1 } END { exit !found }' "$held_now" 2>/dev/null; then
      grep "^$server " <<<"$before" >>"$held_now"
    fi
    unlock_tables
    save_holds
    LOOPBACK_HA_LOCK=$lock bash "$state/current/scripts/restore.sh" --once || true
    fail "$server was not released, and is still held; see the lines above. --force releases it even if it does not answer"
  fi
  rm -rf "$copy"
  note_in_history "$server: released by ${SUDO_USER:-root} with loopback-ha-guard"
  save_holds
  say "$server is released"
}

case ${1:-} in
  status)
    (($# == 1)) || wrong_usage
    status
    ;;
  release)
    force=
    shift
    if [[ ${1:-} == --force ]]; then
      force=1
      shift
    fi
    [[ $# == 1 && $1 =~ ^[A-Za-z0-9._-]+$ ]] || wrong_usage
    [[ $EUID == 0 ]] || fail "this needs root: sudo loopback-ha-guard release $1"
    release "$1" "$force"
    ;;
  --help) usage ;;
  *) wrong_usage ;;
esac
