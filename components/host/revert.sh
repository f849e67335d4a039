#!/bin/bash
# Undoes a change that nobody confirmed in time. revert.sh TOKEN, called somewhat earlier than that.
# shellcheck source-path=SCRIPTDIR
. "$(dirname "${BASH_SOURCE[0]}")/lib.sh"
trap '' HUP INT TERM PIPE

is_unconfirmed() { [[ -e $pending && $(pending_value token) == "$1" ]] && ! is_confirmed; }

# Read as a whole before it removes itself.
{
  # Nobody else may be there to try again: a first change has no supervisor yet.
  take_lock 600
  if is_unconfirmed "$1"; then
    verdict=undo
    if worth_keeping; then verdict=keep; fi
    # Whoever confirms it meanwhile says so before he waits for the lock.
    rest=$(($(pending_value over) - $(uptime_hundredths)))
    if ((rest > 0)); then sleep "$(printf '%d.%02d' "$((rest / 100))" "$((rest % 100))")"; fi
    if is_unconfirmed "$1"; then conclude "$verdict"; fi
  fi
  exit 0
}
