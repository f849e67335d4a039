#!/bin/bash
# loopback-ha-move: a failover on the router itself, for when the state backend, the passphrase or the operator's laptop is not
# available. It takes the same lock, makes the same health check and moves in the same way as pulumi up.
set -eu
export LC_ALL=C PATH=/usr/sbin:/usr/bin:/sbin:/bin
root=/var/lib/loopback-ha

usage() {
  cat <<'END'
usage: loopback-ha-move [--down] [--force] [--despite-sites SITE[,SITE...]] [--from SERVER[,SERVER...]] PREFIX SERVER [PREFIX SERVER...]
  --down   the server that has PREFIX now is dead: its connections move at once and are reset.
           Without --down, a server that does not answer a ping is treated as dead.
  --force  move even if SERVER does not answer for all VIPs
  --despite-sites  move even if these sites' own pages are worse on SERVER
  --from   move only if PREFIX still goes to one of these servers
Several prefixes move together; those that can't move are listed, and the exit code is then 1.
This does not change Pulumi's state: the next preview shows the move, and how to keep or undo it.
END
}
fail() {
  printf 'loopback-ha-move: %s\n' "$*" >&2
  exit 1
}
wrong_usage() {
  usage >&2
  printf '\nnow:\n' >&2
  cat "$root"/*/current/want/routes 2>/dev/null | sed 's/^/  /' >&2
  exit 2
}

down='' force='' from='' despite=''
while [[ ${1:-} == --* ]]; do
  case $1 in
    --down) down=1 ;;
    --force) force=1 ;;
    --despite-sites)
      despite=${2:-}
      shift
      ;;
    --from)
      from=${2:-}
      shift
      ;;
    --help)
      usage
      exit 0
      ;;
    *)
      usage >&2
      exit 2
      ;;
  esac
  shift
done
if (($# == 0 || $# % 2)); then wrong_usage; fi
[[ $from =~ ^[A-Za-z0-9._,-]*$ && $despite =~ ^[a-z0-9,-]*$ ]] || wrong_usage
for word; do [[ $word =~ ^[A-Za-z0-9./_-]+$ ]] || wrong_usage; done
[[ $EUID == 0 ]] || fail "this needs root: sudo loopback-ha-move $*"

asked=$(printf '%s %s\n' "$@")
count=$(($# / 2))
twice=$(awk '++seen[$1] == 2 { print $1; exit }' <<<"$asked")
[[ ! $twice ]] || fail "$twice is given twice; nothing was changed"
current=
for routes in "$root"/*/current/want/routes; do
  if [[ -e $routes ]] && awk 'FILENAME == "-" { asked[$1]; next } $1 in asked { found = 1 } END { exit !found }' - "$routes" <<<"$asked"; then
    current=${routes%/want/routes}
  fi
done
[[ $current ]] || fail "$1 is not a prefix of this router; known prefixes: $(awk '{ if (++count <= 20) printf "%s%s", (count > 1 ? ", " : ""), $1 } END { if (count > 20) printf " and %d more", count - 20 }' "$root"/*/current/want/routes 2>/dev/null)"

# From here on nothing else changes the routes, and a login that is closed does not stop this.
# shellcheck source-path=SCRIPTDIR source=../host/machine/lib.sh
. "$current/scripts/lib.sh"
trap '' HUP INT TERM PIPE
fail() {
  printf 'loopback-ha-move: %s\n' "$*" >&2
  exit 1
}
take_lock
let_confirm
current=$state/current
# The version that was in force before this had the lock may be gone.
scripts=$current/scripts

# Why some can't move, one per line. Shortened here, not by lib.sh's first_few: the stack may be another one's, with an older lib.sh.
refused=''
say_refused() {
  awk '$0 != "" { if (++count <= 8) print "loopback-ha-move: " $0 } END { if (count > 8) print "loopback-ha-move: and " count - 8 " more" }' <<<"$refused" >&2
}

held=()
[[ ! -s $run/held.$instance ]] || held+=("$run/held.$instance")
# PREFIX SERVER NEXT-HOP FORMER-SERVER ITS-NEXT-HOP of what can move; "- REASON" of what can't.
found=$(awk_file movePlan -v from="$from" -v stack="$stack" -v held_file="$run/held.$instance" \
  "${held[@]}" "$current/want/servers" "$current/want/routes" - <<<"$asked")
plan=$(awk '$1 != "-"' <<<"$found")
refused=$(awk 'sub(/^- /, "")' <<<"$found")
if [[ ! $plan ]]; then
  ((count > 1)) || fail "$refused; nothing was changed"
  say_refused
  fail "none of these $count prefixes was moved"
fi
[[ ! -e $pending ]] || say "pulumi's last change is still waiting for its confirmation: undoing it first"

# The servers whose connections move at once, too.
formers=$(awk '!seen[$4]++ { print $4, $5 }' <<<"$plan")
if [[ $down ]]; then
  dead=$formers
else
  dead=$(awk '{ printf "ping\t%s\t%s\n", $2, $1 }' <<<"$formers" | perl "$current/scripts/probe.pl" --deadline 3 | awk -F '\t' '$1 != "ok" { print $3 }' || true)
  for server in $dead; do say "$server does not answer a ping: its connections move too"; done
fi

# Left by one that was killed: this one has the lock.
rm -rf "$run"/move.*
work=$(mktemp -d "$run/move.XXXXXX")
trap 'rm -rf "$work"' EXIT

# The bundle in force with other next hops: everything else is as pulumi left it.
make_bundle() {
  bundle=$work/bundle
  rm -rf "$bundle"
  mkdir "$bundle"
  cp -R --preserve=mode "$(readlink -f "$current")/." "$bundle"
  # Without the guard's moves, which apply.sh adds: they are not desired state.
  [[ ! -e $bundle/adapted ]] || cp "$bundle/pristine/want/routes" "$bundle/pristine/want/servers" "$bundle/want"
  rm -rf "$bundle/pristine" "$bundle/adapted"
  awk 'FILENAME == "-" { moved[$1] = $2 " " $3; next } $1 in moved { print $1, moved[$1]; next } { print }' - "$bundle/want/routes" <<<"$plan" >"$bundle/routes"
  mv "$bundle/routes" "$bundle/want/routes"
  DEAD=$dead awk_file movedServers - "$bundle/want/servers" <<<"$plan" >"$bundle/servers"
  mv "$bundle/servers" "$bundle/want/servers"
  # What was moved since Pulumi's last run, and which server had it then.
  awk_file movedByHand -v now="$(date -u +%FT%TZ)" - "$(if [[ -e $current/moved ]]; then say "$current/moved"; else say /dev/null; fi)" <<<"$plan" >"$bundle/moved"
  sed -i "s/^version=.*/version=by-hand-$(date -u +%Y%m%dT%H%M%S.%N)/" "$bundle/meta"
}

# When some prefixes can't move, the others move without them. The servers are asked again each time, so this ends after a minute.
while true; do
  make_bundle
  : >"$work/unmoved"
  result=0
  LOOPBACK_HA_LOCK=$lock LOOPBACK_HA_FORCE_MOVE=$force LOOPBACK_HA_DESPITE_SITES=$despite LOOPBACK_HA_UNMOVED=$work/unmoved \
    bash "$bundle/scripts/apply.sh" 2>"$work/errors" || result=$?
  others=$(awk 'FILENAME != "-" { unmoved[$1]; next } !($1 in unmoved)' "$work/unmoved" - <<<"$plan")
  if ((result == 0)) || [[ ! $others || $others == "$plan" ]] || ((SECONDS > 60)); then break; fi
  reason=$(tail -n 1 "$work/errors")
  refused+=$'\n'$(REASON=${reason/; nothing was moved/} awk_file unmovedReason "$work/unmoved" - <<<"$plan")
  plan=$others
done
cat "$work/errors" >&2
say_refused
((result == 0)) || exit 1
[[ ! $refused ]] || fail "$(wc -l <<<"$plan") of $count prefixes moved"
