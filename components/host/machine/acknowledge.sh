# shellcheck shell=bash
# acknowledge.sh MARK: takes the in-doubt mark away when the caller answers that it got the result, and with it what the
# instance was before (takeover.sh), as the state has its name now. Without an answer
# the machine stays in doubt, and that is a failure: or a run would end well and leave it so.
readonly seconds=60
marked=$(cat "$1" 2>/dev/null)
echo LOOPBACK-HA-APPLIED || exit 1
if ! read -r -t "$seconds" answer || [[ $answer != LOOPBACK-HA-RECORDED ]]; then
  machine=$(sed -n 's/^machine=//p' "${1%/*}/current/meta" 2>/dev/null)
  echo "${machine:-here}: the change is in force, but the computer that runs pulumi did not confirm within $seconds s that it was recorded; this machine is in doubt until the next 'pulumi up' succeeds on it" >&2
  exit 1
fi
# Not a mark that the next run has set in between.
if [[ $(cat "$1" 2>/dev/null) == "$marked" ]]; then rm -f "$1" "${1%/*}/taken-from"; fi
