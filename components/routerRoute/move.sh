#!/bin/bash
# loopback-ha-move: a failover on the router itself, for the night when the state backend, the passphrase or the
# operator's laptop is not there. Same lock, same proof, same way to move as pulumi up.
# shellcheck disable=SC1091,SC2154 # what it sources lies on the router
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
[[ $current ]] || fail "$1 is not a prefix of this router; known prefixes: $(awk '{ print $1 }' "$root"/*/current/want/routes 2>/dev/null | head -n 20 | tr '\n' ' ')"

# From here on nobody else changes the routes, and a login that ends ends nothing.
. "$current/scripts/lib.sh"
trap '' HUP INT TERM PIPE
fail() {
  printf 'loopback-ha-move: %s\n' "$*" >&2
  exit 1
}
take_lock
let_confirm
current=$state/current

# Why some can't move: a line each.
refused=''
say_refused() {
  awk '$0 != "" { if (++count <= 8) print "loopback-ha-move: " $0 } END { if (count > 8) print "loopback-ha-move: and " count - 8 " more" }' <<<"$refused" >&2
}

held=()
[[ ! -s $run/held.$instance ]] || held+=("$run/held.$instance")
# PREFIX SERVER NEXT-HOP FORMER-SERVER ITS-NEXT-HOP of what can move; "- REASON" of what can't.
found=$(awk -v from="$from" -v stack="$stack" -v held_file="$run/held.$instance" '
  FILENAME == held_file { held[$1]; next }
  FILENAME ~ /servers$/ { hop[$1] = $2; servers = servers " " $1; next }
  FILENAME ~ /routes$/ { former[$1] = $2; former_hop[$1] = $3; if (++routes <= 20) prefixes = prefixes " " $1; next }
  !($1 in former) { print "-", $1, "is not a prefix of stack " stack " on this router; known prefixes:" prefixes; next }
  !($2 in hop) { print "-", $1 ": " $2, "is not a server of this router; known servers:" servers; next }
  $2 in held { print "-", $1 ": the guard holds", $2, "as dead. First: loopback-ha-guard release", $2; next }
  former[$1] == $2 { print "-", $1, "goes to", $2, "already"; next }
  from != "" && !index("," from ",", "," former[$1] ",") { print "-", $1, "goes to " former[$1] ", and not to", from; next }
  { print $1, $2, hop[$2], former[$1], former_hop[$1] }' "${held[@]}" "$current/want/servers" "$current/want/routes" - <<<"$asked")
plan=$(awk '$1 != "-"' <<<"$found")
refused=$(awk 'sub(/^- /, "")' <<<"$found")
if [[ ! $plan ]]; then
  ((count > 1)) || fail "$refused; nothing was changed"
  say_refused
  fail "none of these $count prefixes was moved"
fi
[[ ! -e $pending ]] || say "pulumi's last change is still waiting for its confirmation: undoing it first"

# The servers whose connections move, too.
formers=$(awk '!seen[$4]++ { print $4, $5 }' <<<"$plan")
if [[ $down ]]; then
  dead=$formers
else
  dead=$(awk '{ printf "ping\t%s\t%s\n", $2, $1 }' <<<"$formers" | perl "$current/scripts/probe.pl" --deadline 3 | awk -F '\t' '$1 != "ok" { print $3 }' || true)
  for server in $dead; do say "$server does not answer a ping: its connections move too"; done
fi

# Of one that was killed: we have the lock.
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
  DEAD=$dead awk '
    BEGIN { count = split(ENVIRON["DEAD"], line, "\n"); for (i = 1; i <= count; i++) { split(line[i], field, " "); is_dead[field[1]] } }
    FILENAME == "-" { gets[$2]; if ($4 in is_dead) gone[$4]; next }
    $1 in gone { $3 = "down" }
    $1 in gets { $3 = "up" }
    { print }' - "$bundle/want/servers" <<<"$plan" >"$bundle/servers"
  mv "$bundle/servers" "$bundle/want/servers"
  # What was moved since pulumi was last here, from where it was then.
  awk -v now="$(date -u +%FT%TZ)" '
    FILENAME == "-" { order[++count] = $1; server[$1] = $2; former[$1] = $4; next }
    $1 in server { former[$1] = $2; next }
    { print }
    END { for (i = 1; i <= count; i++) if (former[order[i]] != server[order[i]]) print order[i], former[order[i]], server[order[i]], now }' \
    - "$(if [[ -e $current/moved ]]; then say "$current/moved"; else say /dev/null; fi)" <<<"$plan" >"$bundle/moved"
  sed -i "s/^version=.*/version=by-hand-$(date -u +%Y%m%dT%H%M%S.%N)/" "$bundle/meta"
}

# Where some keep the others from moving, these move without them. Each time the servers are asked again, so not for long.
while true; do
  make_bundle
  : >"$work/unmoved"
  result=0
  LOOPBACK_HA_LOCK=$lock LOOPBACK_HA_FORCE_MOVE=$force LOOPBACK_HA_DESPITE_SITES=$despite LOOPBACK_HA_UNMOVED=$work/unmoved \
    bash "$bundle/scripts/apply.sh" 2>"$work/errors" || result=$?
  others=$(awk 'FILENAME != "-" { unmoved[$1]; next } !($1 in unmoved)' "$work/unmoved" - <<<"$plan")
  if ((result == 0)) || [[ ! $others || $others == "$plan" ]] || ((SECONDS > 60)); then break; fi
  reason=$(tail -n 1 "$work/errors")
  refused+=$'\n'$(REASON=${reason/; nothing was moved/} awk '
    FILENAME != "-" { unmoved[$1]; next }
    $1 in unmoved && ++count <= 8 { prefixes = prefixes (count > 1 ? ", " : "") $1 }
    END { print prefixes (count > 8 ? " and " count - 8 " more" : "") ": " ENVIRON["REASON"] }' "$work/unmoved" - <<<"$plan")
  plan=$others
done
cat "$work/errors" >&2
say_refused
((result == 0)) || exit 1
[[ ! $refused ]] || fail "$(wc -l <<<"$plan") of $count prefixes moved"
