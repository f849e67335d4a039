#!/bin/bash
# Puts the installed state back in force: once at boot, or with --watch for as long as it runs, within about a
# second of whatever wiped it (link down/up, networkctl reload, ifdown/ifup).
# shellcheck source-path=SCRIPTDIR
. "$(dirname "${BASH_SOURCE[0]}")/lib.sh"

# Read by the concerns.
# shellcheck disable=SC2034
restoring=1
restore() {
  take_lock "$1"
  # A change that waits for its confirmation is not ours to undo before its time.
  if [[ -e $pending ]]; then
    local grace=1
    # Whoever confirmed it waits for the lock no longer than that.
    if is_confirmed; then grace=65; fi
    (($(uptime_seconds) <= $(pending_value deadline) + grace)) || revert
    return
  fi
  current=$state/current
  [[ -e $current ]] || exit 0
  if ! is_live "$current"; then activate "$current"; fi
}

if [[ ${1:-} != --watch ]]; then
  restore 60
  exit 0
fi

# What is wanted changes only with the version, and a new version brings its own scripts.
while [[ $state/current -ef $bundle ]]; do
  if [[ -e $pending ]] || ! is_live "$bundle"; then
    # While a link is down the routes can't be had: not an error worth ending for. A running apply.sh does our work.
    (restore 0) 2>/dev/null || true
  fi
  sleep 1
done
[[ -e $state/current ]] || exit 0
exec bash "$state/current/scripts/restore.sh" --watch
