# shellcheck shell=bash
# acknowledge.sh MARK: removes the in-doubt mark once the caller confirms that it has the result, and with it the note of a former
# name (takeover.sh), as the state has the new name then. Without an answer the machine stays in doubt, and that is a failure:
# no run may end well and leave a machine in doubt.
readonly seconds=60
{ marked=$(<"$1"); } 2>/dev/null
echo LOOPBACK-HA-APPLIED || exit 1
if ! read -r -t "$seconds" answer || [[ $answer != LOOPBACK-HA-RECORDED ]]; then
  machine=$(sed -n 's/^machine=//p' "${1%/*}/current/meta" 2>/dev/null)
  echo "${machine:-here}: the change is in force, but the computer that runs pulumi did not confirm within $seconds s that it was recorded; this machine is in doubt until the next 'pulumi up' succeeds on it" >&2
  exit 1
fi
# Leaves a mark alone that the next run has set since.
{ now=$(<"$1"); } 2>/dev/null
if [[ $now == "$marked" ]]; then rm -f "$1" "${1%/*}/taken-from"; fi
