#!/bin/bash
# loopback-ha-move: a failover on the router itself, for the night when the state backend, the passphrase or the
# operator's laptop is not there. Same lock, same proof, same way to move as pulumi up.
# shellcheck disable=SC1091,SC2154 # what it sources lies on the router
set -eu
export LC_ALL=C PATH=/usr/sbin:/usr/bin:/sbin:/bin
root=/var/lib/loopback-ha

usage() {
  cat <<'END'
usage: loopback-ha-move [--down] [--force] [--from SERVER] PREFIX SERVER
  --down   the server that has PREFIX now is dead: its connections move at once, and their clients are told.
           Without it that is so when it does not answer a ping.
  --force  move although SERVER does not answer for all VIPs
  --from   only if PREFIX goes to this server by then
Nothing here changes the Pulumi state: the next preview shows the move, and says how to keep or undo it.
END
}
fail() {
  printf 'loopback-ha-move: %s\n' "$*" >&2
  exit 1
}

down='' force='' from=''
while [[ ${1:-} == --* ]]; do
  case $1 in
    --down) down=1 ;;
    --force) force=1 ;;
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
if (($# != 2)); then
  usage >&2
  printf '\nnow:\n' >&2
  cat "$root"/*/current/want/routes 2>/dev/null | sed 's/^/  /' >&2
  exit 2
fi
prefix=$1 server=$2
[[ $EUID == 0 ]] || fail "only root may do that (sudo loopback-ha-move $prefix $server)"

current=
for routes in "$root"/*/current/want/routes; do
  if [[ -e $routes ]] && awk -v prefix="$prefix" '$1 == prefix { found = 1 } END { exit !found }' "$routes"; then
    current=${routes%/want/routes}
  fi
done
[[ $current ]] || fail "$prefix is no prefix here; these are: $(awk '{ print $1 }' "$root"/*/current/want/routes 2>/dev/null | head -n 20 | tr '\n' ' ')"

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
hop=$(awk -v server="$server" '$1 == server { print $2 }' "$current/want/servers")
[[ $hop ]] || fail "$server is no server here; these are: $(awk '{ print $1 }' "$current/want/servers" | tr '\n' ' ')"
read -r former former_hop < <(awk -v prefix="$prefix" '$1 == prefix { print $2, $3 }' "$current/want/routes") ||
  fail "$prefix is no prefix here any more: pulumi has just taken it away"
[[ $former != "$server" ]] || fail "$prefix goes to $server already; nothing was changed"
[[ ! $from || $former == "$from" ]] || fail "$prefix goes to $former, and not to $from; nothing was changed"
[[ ! -e $pending ]] || say "pulumi's last change still waits for its confirmation: it is undone first"
if [[ ! $down ]] && ! printf 'ping\t%s\t%s\n' "$former_hop" "$former" | perl "$current/scripts/probe.pl" --deadline 3 >/dev/null; then
  say "$former does not answer a ping: its connections move too"
  down=1
fi

# Of one that was killed: we have the lock.
rm -rf "$run"/move.*
# The bundle in force with another next hop: everything else is as pulumi left it.
bundle=$(mktemp -d "$run/move.XXXXXX")
trap 'rm -rf "$bundle"' EXIT
cp -R --preserve=mode "$(readlink -f "$current")/." "$bundle"
rm -rf "$bundle/pristine"
awk -v prefix="$prefix" -v server="$server" -v hop="$hop" '$1 == prefix { print prefix, server, hop; next } { print }' \
  "$current/want/routes" >"$bundle/want/routes"
awk -v server="$server" -v former="$former" -v down="$down" '
  $1 == server { $3 = "up" }
  $1 == former && down { $3 = "down" }
  { print }' "$current/want/servers" >"$bundle/want/servers"
# What was moved since pulumi was last here, from where it was then.
awk -v prefix="$prefix" -v former="$former" -v server="$server" -v now="$(date -u +%FT%TZ)" '
  $1 == prefix { former = $2; next }
  { print }
  END { if (former != server) print prefix, former, server, now }' \
  "$(if [[ -e $current/moved ]]; then say "$current/moved"; else say /dev/null; fi)" >"$bundle/moved"
sed -i "s/^version=.*/version=by-hand-$(date -u +%Y%m%dT%H%M%S.%N)/" "$bundle/meta"
LOOPBACK_HA_LOCK=$lock LOOPBACK_HA_FORCE_MOVE=$force bash "$bundle/scripts/apply.sh" || exit 1
