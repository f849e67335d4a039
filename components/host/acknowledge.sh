# shellcheck shell=bash
# acknowledge.sh MARK: takes the in-doubt mark away when the caller answers that it got the result. Without an answer
# the machine stays in doubt.
marked=$(cat "$1" 2>/dev/null)
echo LOOPBACK-HA-APPLIED || exit 0
if read -r -t 15 answer && [[ $answer == LOOPBACK-HA-RECORDED ]]; then
  # Not a mark that the next run has set in between.
  if [[ $(cat "$1" 2>/dev/null) == "$marked" ]]; then rm -f "$1"; fi
fi
