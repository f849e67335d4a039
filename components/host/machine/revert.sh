#!/bin/bash
# Undoes a change that nobody confirmed in time. revert.sh TOKEN, called somewhat earlier than that.
# shellcheck source-path=SCRIPTDIR
. "$(dirname "${BASH_SOURCE[0]}")/lib.sh"
trap '' HUP INT TERM PIPE

is_pending() { [[ -e $pending && $(pending_value token) == "$1" ]]; }
is_unconfirmed() { is_pending "$1" && ! is_confirmed; }
# In hundredths of a second.
time_left() {
  uptime_now
  rest=$(($(pending_value over) - now))
}
nap() { (($1 <= 0)) || sleep "$(printf '%d.%02d' "$(($1 / 100))" "$(($1 % 100))")"; }

# Read as a whole before it removes itself.
{
  while is_pending "$1"; do
    # Nobody else may be there to try again: a first change has no supervisor yet.
    take_lock 600
    is_pending "$1" || break
    time_left
    if ((rest <= 250)); then
      if is_unconfirmed "$1"; then
        verdict=undo
        if worth_keeping; then verdict=keep; fi
        # Whoever confirms it meanwhile says so before he waits for the lock.
        time_left
        nap "$rest"
        if is_unconfirmed "$1"; then conclude "$verdict"; fi
      fi
      break
    fi
    # Its time began again when it was verified.
    exec {lock}>&-
    nap "$((rest - 200))"
  done
  exit 0
}
