# shellcheck shell=bash disable=SC2154
# Routes to VIP prefixes on a Linux router: iproute2. See ../routes.sh for the wanted files.
readonly protocol=76 metric=7676
# shellcheck source-path=SCRIPTDIR source=../routes.sh
. "$scripts/routes.sh"

# "PREFIX via HOP" and "unreachable PREFIX" for all that stands under our protocol number, and "rule" for what a
# proof left behind when it was killed.
live_items() {
  printf '%s\n' "route show table main proto $protocol" "rule show pref $proof_preference" | ip -4 -batch - |
    awk '$1 == "unreachable" { print $1, $2; next } $2 == "via" { print $1, $2, $3 } /^[0-9]+:/ { print "rule" }' | sort -u
}

# The wanted ones are the same as long as the version is: the supervisor asks every second.
declare -A wanted_cache
is_live() {
  local live
  [[ -v wanted_cache[$1] ]] || wanted_cache[$1]=$(wanted_items "$1")
  live=$(live_items)
  # Other instances' items stand under the same protocol number.
  [[ $live == "${wanted_cache[$1]}" ]] || [[ $(comm -23 <(say "$live") <(comm -23 <(items_of_others) <(say "${wanted_cache[$1]}"))) == "${wanted_cache[$1]}" ]]
}

activate() {
  local dir=$1 live force=()
  live=$(live_items)
  if grep -qx rule <<<"$live"; then end_proof_path; fi
  # The supervisor restores what it can (a link may still be down) and leaves alone what somebody else put in our place.
  [[ ! ${restoring:-} ]] || force=(-force)
  {
    comm -13 <(say "$live") <(wanted_items "$dir") | while read -r line; do
      if ! { [[ ${restoring:-} && $line == *' via '* ]] && ip -4 route show exact "${line%% *}" table main | grep -v "proto $protocol" | grep -qv "metric $metric"; }; then
        say "route replace $line proto $protocol$([[ $line != unreachable* ]] || say " metric $metric")"
      fi
    done
    # After the new ones, in the same batch: what no version in force wants any more.
    comm -23 <(say "$live") <({ wanted_items "$dir"; items_of_others; } | sort -u) |
      awk -v ours="$(prefixes_of_all_versions | tr '\n' ' ')" -v kept="$(wanted_items "$dir" | awk '{ print $1 }' | tr '\n' ' ')" '
        BEGIN { split(ours, a, " "); for (i in a) own[a[i]]; split(kept, b, " "); for (i in b) keep[b[i]] }
        $1 == "unreachable" ? $2 in own : $1 in own && !($1 in keep) { print "route del", $0, "proto '"$protocol"'" }'
  } | ip -4 "${force[@]}" -batch -
}
