# shellcheck shell=bash
# The guard's holds, and how the rest of this router respects them. The guard itself is guard/guard.pl: it moves the prefixes of a server
# that dies, and from then on holds that server. What is in guard/ goes only to a router with a guard; this file also removes one.
#   $held_now        SERVER TIME REASON for each held server. Written before the tables are; lost at a reboot
#   $state/held      the same, written soon after, for the next boot
#   $guard_folder    generation: "NUMBER DIR". The number changes each time tables are written; DIR is the version in force, or -
#                    plan.NUMBER: the tables to load if a server dies (guardPlan.sh)
#   $state/guard-history   one line for each decision
#   want/fallbacks   PREFIX SERVER SERVER ...: the servers that take the prefix over; the first that can gets it
#   want/settings    guard_interval (ms), guard_fall (rounds), guard_min_active, guard_dry_run, guard_moves_per_hour
: "${run?}" "${state?}" "${instance?}" "${version?}" "${units?}" "${scripts?}"
readonly held_now=$run/held.$instance guard_folder=$run/guard.$instance guard_history=$state/guard-history
readonly guard_command=/usr/local/sbin/loopback-ha-guard guard_unit=loopback-ha-guard.$instance.service

guards() { [[ $1 && -e $1/want/settings && $(setting "$1" guard_interval) ]]; }

# A second, short lock: it is held only while tables are written, never while servers are asked. The guard waits for no other lock, nor
# does the supervisor while a run asks.
tables=''
lock_tables() {
  [[ ! $tables ]] || return 0
  [[ -d $run ]] || mkdir -m 700 "$run" 2>/dev/null || [[ -d $run ]]
  exec {tables}>>"$run/tables"
  flock -w 10 "$tables" || fail "another process has been writing routing tables for 10 s; see: fuser -v $run/tables"
}
unlock_tables() {
  [[ $tables ]] || return 0
  exec {tables}>&-
  tables=''
}

# After a reboot, the holds from before it.
load_holds() {
  [[ ! -e $held_now && -s $state/held ]] || return 0
  cp "$state/held" "$held_now.new" && mv "$held_now.new" "$held_now"
}
# For the next boot. If two run at the same time, the later one saves everything.
save_holds() (
  [[ -e $held_now || -e $state/held ]] || exit 0
  exec {turn}>>"$run/holds"
  flock -w 60 "$turn"
  if [[ ! -s $held_now ]]; then
    [[ ! -e $state/held ]] || delete "$state/held"
  elif ! cmp -s "$held_now" "$state/held"; then
    cp "$held_now" "$state/held-new"
    replace "$state/held-new" "$state/held"
  fi
)
# end_holds SERVER...: needs the lock for tables, unless no table changes. The copy for the next boot goes first, so that a hold lasts
# if this is killed.
end_holds() {
  local left
  [[ -s $held_now ]] || return 0
  left=$(awk -v ended="$*" 'BEGIN { count = split(ended, name, " "); for (i = 1; i <= count; i++) gone[name[i]] } !($1 in gone)' "$held_now")
  if [[ $left ]]; then
    say "$left" >"$state/held-new"
    replace "$state/held-new" "$state/held"
    say "$left" >"$held_now.new"
    mv "$held_now.new" "$held_now"
  else
    [[ ! -e $state/held ]] || delete "$state/held"
    rm -f "$held_now"
  fi
}

# adapt DIR: makes its want/routes and want/servers from its pristine ones and the holds; the pristine ones themselves once the last hold
# has ended. Everything that loads tables into the kernel, or compares them, does this first.
adapt() {
  local locked=$tables
  if ! guards "$1"; then return 0; fi
  lock_tables
  adapt_files "$1"
  [[ $locked ]] || unlock_tables
}
adapt_files() {
  local dir=$1
  if ! guards "$dir"; then return 0; fi
  load_holds
  [[ -s $held_now || -e $dir/adapted ]] || return 0
  if [[ ! -e $dir/pristine/want ]]; then
    mkdir -p "$dir/pristine"
    cp -R --preserve=mode "$dir/want" "$dir/pristine/want"
  fi
  : >"$dir/adapted"
  adapted_to "$dir/pristine/want" "$dir/want" ''
  if [[ ! -s $held_now ]]; then rm -f "$dir/adapted"; fi
}
# adapted_to FROM TO ALSO: writes FROM's routes and servers to TO, with the servers of ALSO held as well.
adapted_to() {
  local from=$1 to=$2 file files=()
  [[ ! -s $held_now ]] || files+=(part=held "$held_now")
  [[ ! -e $from/fallbacks ]] || files+=(part=fallbacks "$from/fallbacks")
  awk_file adapt -v also="$3" -v but="${LOOPBACK_HA_RELEASE:-}" -v servers_out="$to/servers.adapted" -v routes_out="$to/routes.adapted" \
    "${files[@]}" part=servers "$from/servers" part=routes "$from/routes"
  for file in servers routes; do
    if cmp -s "$to/$file.adapted" "$to/$file"; then rm -f "$to/$file.adapted"; else mv -fT "$to/$file.adapted" "$to/$file"; fi
  done
}

# begin_generation DIR: makes the guard's plan out of date, as DIR is in force from now on. Needs the lock for tables.
begin_generation() {
  if guards "$1"; then
    [[ -d $guard_folder ]] || mkdir -p "$guard_folder"
    say "$EPOCHREALTIME $(cd -P "$1" && pwd -P)" >"$guard_folder/generation"
  elif [[ -e $guard_folder ]]; then
    say "$EPOCHREALTIME -" >"$guard_folder/generation"
  fi
}

# Once a change is in force for good: a hold ends if the config itself has the server down, no longer has the server, or has no guard.
settle() {
  local dir=$state/versions/$version came ended
  if [[ -s $held_now ]]; then
    came=$dir/want
    [[ ! -e $dir/pristine/want ]] || came=$dir/pristine/want
    if guards "$dir"; then
      ended=$(awk 'FILENAME != "-" { if ($3 == "up") up[$1]; next } !($1 in up) { printf "%s ", $1 }' "$came/servers" - <"$held_now")
    else
      ended=$(awk '{ printf "%s ", $1 }' "$held_now")
    fi
    if [[ $ended ]]; then
      # shellcheck disable=SC2086 # names
      end_holds $ended
      note_in_history "${ended% }: no longer held, because the config has it down, without it, or without a guard"
    fi
  fi
  save_holds
  [[ ! $new_guard ]] || warn_of_mute "$dir"
}
# warn_of_mute DIR: when a guard begins on this router.
warn_of_mute() {
  local server
  for server in $(awk '$3 == "up" { printf "ping\t%s\t%s\n", $2, $1 }' "$1/want/servers" | perl "$scripts/probe.pl" --deadline 1 | awk -F '\t' '$1 == "fail" { print $3 }' || true); do
    warn "$server does not answer ping, so the guard can't tell a dead $server from one that only drops connections: if its machine dies, its prefixes move when it no longer answers ARP, some 6 s later, instead of within a second. Let $server answer ping from this router"
  done
}
# A guard that a failed run turned on may have held a server; turned off, its holds are back.
went_back() { save_holds; }
note_in_history() {
  # A full disk must not stop a move.
  {
    { tail -n 199 "$guard_history" || true; say "$(TZ=UTC printf '%(%FT%TZ)T' -1) $*"; } >"$guard_history-new"
    mv -f "$guard_history-new" "$guard_history"
  } 2>/dev/null || true
}

# A folder with pristine/want and want adapted to the holds, because a hold is no drift.
drift_base() {
  local base
  load_holds
  if [[ ! -s $held_now ]] || ! guards "$state/current"; then
    say "$state/current"
    return
  fi
  base=$(mktemp -d "$run/held-as.XXXXXX")
  mkdir "$base/pristine"
  cp -R --preserve=mode "$state/current/pristine/want" "$base/pristine/want"
  adapted_to "$state/current/pristine/want" "$base/pristine/want" ''
  cp -R --preserve=mode "$state/current/want" "$base/want"
  # The guard may be about to adapt these.
  cp "$base/pristine/want/routes" "$base/pristine/want/servers" "$base/want"
  say "$base"
}
# add_holds: to what the supervisor glances at, as a hold changes what is wanted.
add_holds() {
  [[ ! -s $held_now ]] || glanced+=$(<"$held_now")
}
held_sights() {
  load_holds
  [[ ! -s $held_now ]] || sed 's/^/held\t/' "$held_now"
}

new_guard=''
install_guard() {
  if ! guards "$state/current"; then
    # For a run that fails and goes back.
    [[ ! -s $held_now ]] || save_holds
    remove_guard
    return
  fi
  [[ -e $units/$guard_unit ]] || new_guard=1
  install_file "$guard_command" 755 <"$scripts/guardCommand.sh"
  install_service "$guard_unit" "$scripts/guard.service"
}
remove_guard() {
  [[ ! -e $units/$guard_unit ]] || remove_unit "$guard_unit"
  # Most routers have none of it, and each flip comes through here.
  [[ ! -e $guard_folder && ! -e $held_now && ! -e $guard_command && ! -e $run/holds ]] || {
    rm -rf "$guard_folder" "$run"/held-as.*
    rm -f "$held_now"
    [[ $(other_guards) ]] || rm -f "$guard_command" "$run/holds"
  }
}
other_guards() {
  local service
  for service in "$units"/loopback-ha-guard.*.service; do
    if [[ -e $service && ${service##*/} != "$guard_unit" ]]; then say "$service"; fi
  done
}
# carry_guard FROM TO: the holds under another instance's name, see takeover.sh. The run that carries them installs the unit.
carry_guard() {
  [[ ! -e $units/loopback-ha-guard.$1.service ]] || remove_unit "loopback-ha-guard.$1.service"
  [[ ! -e $run/held.$1 ]] || mv -f "$run/held.$1" "$run/held.$2"
  rm -rf "$run/guard.$1"
}
