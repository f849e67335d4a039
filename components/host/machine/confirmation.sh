# shellcheck shell=bash
# Commit-confirm: the machine itself undoes a change that is not confirmed in time.
# Set by lib.sh:
: "${bundle?}" "${instance?}" "${lock?}" "${run?}" "${state?}" "${version?}"

# The change that waits for its confirmation: token=, version=, previous=, doubted=, seconds= and over=, its deadline in hundredths
# of a second of uptime. In /run: a reboot undoes it as well, as only settle.sh writes what comes back at boot.
readonly pending=$run/pending.$instance
pending_value() { value_in "$pending" "$1"; }
# Sets "now", in hundredths of a second of uptime. Without a process, as the supervisor asks every second.
uptime_now() {
  read -r now _ </proc/uptime
  now=$((10#${now/./}))
}
uptime_seconds() {
  local now
  uptime_now
  say "$((now / 100))"
}

# arm PREVIOUS DOUBTED: starts the timer, if the change of $bundle needs a confirmation.
arm() {
  local seconds early
  seconds=$(confirm_seconds "$bundle")
  if [[ ! ${LOOPBACK_HA_TOKEN:-} ]] || ((seconds == 0)) || ! changes "$bundle"; then return 0; fi
  note_pending "$1" "$2" "$seconds"
  # revert.sh checks before it undoes anything, and so starts a little earlier.
  early=$((seconds < 4 ? seconds / 2 : 2))
  # systemd's default accuracy may add a minute.
  # Exit code 127 is bash's when the script is gone, because the change was undone in another way. (The command must have no $:
  # systemd reads it differently after a daemon-reload.)
  systemd-run --quiet --collect --on-active="$((seconds - early))" --timer-property=AccuracySec=100ms --unit="loopback-ha-revert-$LOOPBACK_HA_TOKEN" \
    --property=Restart=on-failure --property=RestartSec=5 --property=RestartPreventExitStatus=127 \
    bash "$state/versions/$version/scripts/revert.sh" "$LOOPBACK_HA_TOKEN" ||
    fail "can't start the timer that undoes an unconfirmed change"
}
# Once the change is in force and verified, its time begins again: the change itself may take long.
arm_again() {
  [[ ! -e $pending ]] || note_pending "$(pending_value previous)" "$(pending_value doubted)" "$(pending_value seconds)"
}
# note_pending PREVIOUS DOUBTED SECONDS
note_pending() {
  local now
  uptime_now
  printf '%s\n' "token=$LOOPBACK_HA_TOKEN" "version=$version" "previous=$1" "doubted=$2" "seconds=$3" \
    "over=$((now + 100 * $3))" >"$pending.new"
  mv "$pending.new" "$pending"
}
disarm() {
  [[ -e $pending ]] || return 0
  # No one waits for this: what the timer starts checks first, and finds that there is nothing to undo.
  systemctl stop --no-block "loopback-ha-revert-$(pending_value token).timer" >/dev/null 2>&1 </dev/null &
  rm -f "$pending" "$pending.confirmed"
}
# It was confirmed in time, and settle.sh waits for the lock.
is_confirmed() { [[ -e $pending.confirmed && $(<"$pending.confirmed") == "$(pending_value token)" ]]; }

is_fresh() {
  local now over seconds
  uptime_now
  over=$(pending_value over) seconds=$(pending_value seconds)
  ((now < over - 100 * seconds + 500))
}
# A confirmation comes within a second or two of the change, and may wait for the lock behind us: let it go first. A caller that
# handed us its lock has done so.
let_confirm() {
  local tenths=50
  [[ ! ${LOOPBACK_HA_LOCK:-} ]] || return 0
  while [[ -e $pending ]] && ((tenths-- > 0)) && { is_confirmed || is_fresh; }; do
    exec {lock}>&-
    sleep 0.1
    take_lock
  done
}

# Commit-confirm protects access to the machine. Where a change moved traffic away from dead servers, undoing it would serve no one:
# it stays in force, and the machine in doubt, as the run did not confirm it.
worth_keeping() {
  local waiting former
  waiting=$state/versions/$(pending_value version)
  former=$state/versions/$(pending_value previous)
  [[ -e $waiting/meta && -e $former/meta ]] || return 1
  adapt "$waiting"
  adapt "$former"
  (better_kept "$waiting" "$former")
}

revert() {
  if worth_keeping; then conclude keep; else conclude undo; fi
}
# conclude keep|undo
conclude() {
  # settle.sh fails without an acknowledgement, as expected here. It has done its work when nothing is pending.
  [[ $1 != keep ]] ||
    LOOPBACK_HA_LOCK=$lock bash "$state/versions/$(pending_value version)/scripts/settle.sh" "$(pending_value token)" </dev/null >/dev/null || true
  if [[ ! -e $pending ]]; then
    warn "the change was not confirmed, but a server it moved traffic away from does not answer while the new ones do: it stays in force. The machine is in doubt until the next 'pulumi up' succeeds on it"
    return
  fi
  go_back "$(pending_value previous)" "$(pending_value doubted)"
  disarm
}
