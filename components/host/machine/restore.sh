#!/bin/bash
# The boot and self-repair service: puts the installed version back in force. A machine's unit runs it: once at boot, and then with
# --watch, where it repairs within about a second what another program wiped (link down/up, networkctl reload, ifdown/ifup). --once
# is one step of --watch. It keeps the version that is in force; revert.sh undoes a change. Only where that has died, such as in a
# reboot, does it undo an unconfirmed change whose time is over.
# shellcheck source-path=SCRIPTDIR
. "${BASH_SOURCE[0]%/*}/lib.sh"
# Exit code: a run holds the lock, and does our work.
readonly busy=75

# Roles read this: restore as much as possible, even if not all of it is. "pending": the change is not confirmed yet.
# shellcheck disable=SC2034
restoring=1
restore() {
  take_lock "$1"
  if [[ -e $pending ]]; then
    local grace=1 over now
    # A confirmation in progress waits no longer than this for the lock.
    if is_confirmed; then grace=65; fi
    uptime_now
    over=$(pending_value over)
    if ((now <= over + 100 * grace)); then keep_pending; else revert; fi
    return
  fi
  [[ -e $state/current ]] || exit 0
  keep "$state/current"
}
keep() {
  adapt "$1"
  if is_live "$1"; then return; fi
  activate "$1"
  if is_live "$1"; then return; fi
  warn_missing "$1"
}
# A run holds the machine's lock for as long as it asks servers. What a restart of the networking wiped can't wait for that.
keep_beside() {
  lock_beside || return 0
  if [[ -e $pending || ! $state/current -ef $bundle ]]; then return; fi
  # shellcheck disable=SC2034
  restoring=beside
  keep "$state/current"
}
# A change that waits for its confirmation is kept until its deadline, by its own scripts.
keep_pending() {
  local waiting
  waiting=$state/versions/$(pending_value version)
  if [[ $waiting -ef $bundle ]]; then
    # shellcheck disable=SC2034
    restoring=pending
    keep "$waiting"
  else
    LOOPBACK_HA_LOCK=$lock bash "$waiting/scripts/restore.sh" --once
  fi
}
# What could not be restored, in the words of drift.
warn_missing() {
  local found down
  found=$(drift "$1" | listed 4 '; ')
  down=$(down_links)
  [[ ! $found ]] || warn "not everything could be restored: $found${down:+ ($down)}; the rest is in force. Retrying until it succeeds"
}

case ${1:-} in
  --once)
    # Looks take the lock shared: a series of them must not keep us away for ever.
    if [[ ! ${LOOPBACK_HA_LOCK:-} && -e $run/lock ]] && ! flock -n -s "$run/lock" true; then
      keep_beside
      exit "$busy"
    fi
    restore 5
    exit 0
    ;;
  --watch) ;;
  *)
    restore 60
    exit 0
    ;;
esac

# try: one attempt, in a process of its own, so that it ends at the first failing step. Reports a failure once, and its end.
# Fails when another attempt is due.
said='' repeats=0 repairs=0
try() {
  local words result=0
  words=$(bash "$scripts/restore.sh" --once 2>&1) || result=$?
  seen=''
  [[ $result != "$busy" ]] || return 1
  if [[ ! $words ]]; then
    ((result == 0)) || return 1
    # Roles may report this. A change that waits for its confirmation is looked at again and again.
    [[ -e $pending ]] || repairs=$((repairs + 1))
    recovered
    return
  fi
  if [[ $words != "$said" ]]; then say "$words" >&2; fi
  if [[ $said ]]; then
    repeats=$((repeats + 1))
    # An attempt may hold the machine's lock for long.
    if [[ $glance_tells_all ]]; then seen=$glanced; fi
  fi
  said=$words
  return 1
}
recovered() {
  [[ $said ]] || return 0
  said='' repeats=0
  say "$machine: everything is in force again" >&2
}

# A full look may be expensive, as on a router with all of the Internet's routes: unless a glance shows a change, looks take at most
# 1/300 of the time, and retries of a failure 1/100.
seen='' due=0 glanced='' tries=0
# What is wanted changes only with the version, and a new version brings its own scripts.
while [[ $state/current -ef $bundle ]]; do
  glance
  uptime_now
  if [[ ! -e $pending && $glanced && $glanced == "$seen" ]] && ((now < due)); then
    await_change
    continue
  fi
  seen=$glanced began=$now
  if [[ ! -e $pending ]] && (adapt "$bundle") && is_live "$bundle"; then
    recovered
    tries=0
    uptime_now
    due=$((now + 300 * (now - began)))
    await_change
  elif try && [[ ! -e $pending ]] && ((tries++ == 0)); then
    # The disturbance may still go on.
    pause 0.1
  else
    uptime_now
    due=$((now + 100 * (now - began)))
    # An attempt is expensive, and a fault may last for days.
    if ((repeats < 30)); then sleep 1; else sleep 2; fi
  fi
done
stop_hearing
[[ -e $state/current ]] || exit 0
exec bash "$state/current/scripts/restore.sh" --watch
