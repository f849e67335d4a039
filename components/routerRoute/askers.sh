# shellcheck shell=bash
# Limits for programs that ask this router again and again, by users who may only look: they must not load it.
: "${run?}"

# bounded OPTION VALUE LEAST MOST: VALUE, or the limit that it exceeds.
bounded() {
  [[ $2 =~ ^[0-9]*[.]?[0-9]+$ ]] || fail "$1 takes a number from $3 to $4; use $1 $3"
  awk -v value="$2" -v least="$3" -v most="$4" 'BEGIN { print (value < least ? least : value > most ? most : value) }'
}

# begin_asking EVERY: gives way to everything else on this router. One that asks every EVERY seconds needs a seat.
begin_asking() {
  renice -n 10 -p $$ >/dev/null 2>&1 || true
  [[ ! $1 ]] || take_seat
}

# take_seat: each user but root may have a few asking at a time. The newest takes the seat of the oldest, whose connection may have
# died silently. $seat is the path of a link to the process that has it, or empty.
readonly seats=8
seat=''
take_seat() {
  local user=${SUDO_UID:-0} turn place holder free=''
  [[ $user =~ ^[1-9][0-9]*$ ]] || return 0
  mkdir -p "$run/askers"
  exec {turn}>>"$run/askers/lock"
  flock "$turn"
  for ((place = seats; place >= 1; place--)); do
    holder=$(readlink "$run/askers/$user.$place") || holder=none
    # This process started again, with the scripts of another version.
    if [[ $holder == "$$" ]]; then seat=$run/askers/$user.$place; fi
    [[ -e /proc/$holder ]] || free=$run/askers/$user.$place
  done
  if [[ ! $seat ]]; then
    [[ $free ]] || free=$(find "$run/askers" -name "$user.*" -printf '%C@ %p\n' | sort -n | awk 'NR == 1 { print $2 }')
    seat=$free
    ln -sfn "$$" "$seat.new"
    mv -T "$seat.new" "$seat"
  fi
  exec {turn}>&-
}
keep_seat() { [[ ! $seat || $(readlink "$seat") == "$$" ]] || fail "${SUDO_USER:-user $SUDO_UID} has started $seats newer health.sh or flows.sh on this router, which is the most that may run at a time: this one ends; stop those that are not needed"; }
