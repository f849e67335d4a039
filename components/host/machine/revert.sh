#!/bin/bash
# revert.sh TOKEN: undoes one change that was not confirmed in time: goes back to the version before it. A timer of that change starts
# it shortly before the deadline, and it exits when that is decided. The service that keeps a version in force is restore.sh.
# shellcheck source-path=SCRIPTDIR
. "${BASH_SOURCE[0]%/*}/lib.sh"
trap '' HUP INT TERM PIPE

is_pending() { [[ -e $pending && $(pending_value token) == "$1" ]]; }
is_unconfirmed() { is_pending "$1" && ! is_confirmed; }
# In hundredths of a second.
time_left() {
  uptime_now
  rest=$(($(pending_value over) - now))
}
nap() { (($1 <= 0)) || sleep "$(printf '%d.%02d' "$(($1 / 100))" "$(($1 % 100))")"; }

# In braces, so that bash reads it whole before it removes itself.
{
  while is_pending "$1"; do
    # If we give up, nothing tries again: on a first change there is no supervisor yet.
    take_lock 600
    is_pending "$1" || break
    time_left
    if ((rest <= 250)); then
      if is_unconfirmed "$1"; then
        verdict=undo
        if worth_keeping; then verdict=keep; fi
        # A confirmation that comes now marks itself before it waits for the lock.
        time_left
        nap "$rest"
        if is_unconfirmed "$1"; then conclude "$verdict"; fi
      fi
      break
    fi
    # The deadline has moved: it counts from when the change was verified.
    exec {lock}>&-
    nap "$((rest - 200))"
  done
  exit 0
}
