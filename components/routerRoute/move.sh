#!/bin/bash
# loopback-ha-move: a failover on the router itself, for the night when the state backend, the passphrase or the
# operator's laptop is not there. Same lock, same proof, same way to move as pulumi up.
set -eu
export LC_ALL=C PATH=/usr/sbin:/usr/bin:/sbin:/bin
root=/var/lib/loopback-ha

usage() {
  cat <<'END'
usage: loopback-ha-move [--down] [--force] PREFIX SERVER
  --down   the server that has PREFIX now is dead: its connections move at once, and their clients are told.
           Without it that is so when it does not answer a ping.
  --force  move although SERVER does not answer for all VIPs
Nothing here changes the Pulumi state: the next preview shows the move, and says how to keep or undo it.
END
}
fail() {
  printf 'loopback-ha-move: %s\n' "$*" >&2
  exit 1
}

down='' force=''
while [[ ${1:-} == --* ]]; do
  case $1 in
    --down) down=1 ;;
    --force) force=1 ;;
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
hop=$(awk -v server="$server" '$1 == server { print $2 }' "$current/want/servers")
[[ $hop ]] || fail "$server is no server here; these are: $(awk '{ print $1 }' "$current/want/servers" | tr '\n' ' ')"
read -r former former_hop < <(awk -v prefix="$prefix" '$1 == prefix { print $2, $3 }' "$current/want/routes")
[[ $former != "$server" ]] || fail "$prefix goes to $server already; nothing was changed"
if [[ ! $down ]] && ! printf 'ping\t%s\t%s\n' "$former_hop" "$former" | perl "$current/scripts/probe.pl" --deadline 1 >/dev/null; then
  printf '%s does not answer a ping: its connections move too\n' "$former"
  down=1
fi

# The bundle in force with another next hop: everything else is as pulumi left it.
mkdir -p /run/loopback-ha
bundle=$(mktemp -d /run/loopback-ha/move.XXXXXX)
trap 'rm -rf "$bundle"' EXIT
cp -R --preserve=mode "$(readlink -f "$current")/." "$bundle"
rm -rf "$bundle/pristine"
awk -v prefix="$prefix" -v server="$server" -v hop="$hop" '$1 == prefix { print prefix, server, hop; next } { print }' \
  "$current/want/routes" >"$bundle/want/routes"
awk -v server="$server" -v former="$former" -v down="$down" '
  $1 == server { $3 = "up" }
  $1 == former && down { $3 = "down" }
  { print }' "$current/want/servers" >"$bundle/want/servers"
sed -i "s/^version=.*/version=by-hand-$(date -u +%Y%m%dT%H%M%S.%N)/" "$bundle/meta"
LOOPBACK_HA_FORCE_MOVE=$force bash "$bundle/scripts/apply.sh"
printf '%s %s %s %s\n' "$prefix" "$former" "$server" "$(date -u +%FT%TZ)" >>"${current%/current}/moved"
