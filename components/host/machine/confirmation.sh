# shellcheck shell=bash disable=SC2154
# Commit-confirm: a change that nobody confirms is undone by the machine alone.

# A change that waits for its confirmation, as token=, version=, previous=, doubted=, seconds= and over=, when they are over,
# in hundredths of a second of uptime. In /run: a reboot undoes it as well, since boot state is written by settle.sh only.
readonly pending=$run/pending.$instance
pending_value() { value_in "$pending" "$1"; }
# Sets "now", in hundredths of a second of uptime: no process, as the supervisor asks every second.
uptime_now() {
  read -r now _ </proc/uptime
  now=$((10#${now/./}))
}
uptime_seconds() {
  local now
  uptime_now
  say "$((now / 100))"
}

# arm PREVIOUS DOUBTED
arm() {
  local seconds early
  seconds=$(confirm_seconds "$bundle")
  if [[ ! ${LOOPBACK_HA_TOKEN:-} ]] || ((seconds == 0)) || ! changes "$bundle"; then return 0; fi
  note_pending "$1" "$2" "$seconds"
  # It asks before it goes back, and goes back in time.
  early=$((seconds < 4 ? seconds / 2 : 2))
  # systemd's default accuracy would add up to a minute.
  # What has gone back in another way took the script along, and bash ends with 127. (No $ may stand in the command: systemd
  # reads it otherwise after a daemon-reload.)
  systemd-run --quiet --collect --on-active="$((seconds - early))" --timer-property=AccuracySec=100ms --unit="loopback-ha-revert-$LOOPBACK_HA_TOKEN" \
    --property=Restart=on-failure --property=RestartSec=5 --property=RestartPreventExitStatus=127 \
    bash "$state/versions/$version/scripts/revert.sh" "$LOOPBACK_HA_TOKEN" ||
    fail "can't start the timer that undoes an unconfirmed change"
}
# From when it is in force and verified: what that takes must not be taken off the time for the confirmation.
arm_again() {
  [[ ! -e $pending ]] || note_pending "$(pending_value previous)" "$(pending_value doubted)" "$(pending_value seconds)"
}
# note_pending PREVIOUS DOUBTED SECONDS: from now on.
note_pending() {
  local now
  uptime_now
  printf '%s\n' "token=$LOOPBACK_HA_TOKEN" "version=$version" "previous=$1" "doubted=$2" "seconds=$3" \
    "over=$((now + 100 * $3))" >"$pending.new"
  mv "$pending.new" "$pending"
}
disarm() {
  [[ -e $pending ]] || return 0
  systemctl stop --no-block "loopback-ha-revert-$(pending_value token).timer" 2>/dev/null || true
  rm -f "$pending" "$pending.confirmed"
}
# Somebody has confirmed it in time, and waits for the lock to put it in force.
is_confirmed() { [[ -e $pending.confirmed && $(<"$pending.confirmed") == "$(pending_value token)" ]]; }

is_fresh() {
  local now over seconds
  uptime_now
  over=$(pending_value over) seconds=$(pending_value seconds)
  ((now < over - 100 * seconds + 500))
}
# A confirmation comes within a second or two of the change, and may wait for the lock behind us: then it goes first.
# Whoever has handed us the lock has done so.
let_confirm() {
  local tenths=50
  [[ ! ${LOOPBACK_HA_LOCK:-} ]] || return 0
  while [[ -e $pending ]] && ((tenths-- > 0)) && { is_confirmed || is_fresh; }; do
    exec {lock}>&-
    sleep 0.1
    take_lock
  done
}

# Commit-confirm protects the way to the machine. Where a change left servers that are dead, going back would serve
# nobody: it stays in force, and in doubt, as nobody has acknowledged it.
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
  # It says by its end that nobody has acknowledged it, which is known; done it is when nothing waits any more.
  [[ $1 != keep ]] ||
    LOOPBACK_HA_LOCK=$lock bash "$state/versions/$(pending_value version)/scripts/settle.sh" "$(pending_value token)" </dev/null >/dev/null || true
  if [[ ! -e $pending ]]; then
    warn "the change was not confirmed, but a server it moved traffic away from does not answer while the new ones do: it stays in force. The machine is in doubt until the next 'pulumi up' succeeds on it"
    return
  fi
  go_back "$(pending_value previous)" "$(pending_value doubted)"
  disarm
}
