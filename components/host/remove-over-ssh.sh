# shellcheck shell=sh disable=SC2016,SC2029,SC2086
# The delete command of every host command. It stands in the state as a whole, because a delete must work without
# the files of the checkout that made it. A machine that is gone for good must not stop the others from being removed.
set -f
remove='s=/var/lib/loopback-ha/'$LOOPBACK_HA_INSTANCE'/current/scripts/remove.sh; if test -e $s; then '$LOOPBACK_HA_SUDO' timeout -k 5 110 bash $s; fi'
command -v ssh >/dev/null || { echo "the ssh program is missing here; $LOOPBACK_HA_MACHINE was not touched" >&2; exit 1; }
test -d ~/.ssh || mkdir -m 700 ~/.ssh
errors=$(ssh $LOOPBACK_HA_SSH "sh -c '$remove'" 2>&1 >/dev/null) && exit 0
result=$?
if [ "$result" = 255 ]; then
  case $errors in
    # Without a word: it took the connection, and then went silent.
    '' | *'timed out'* | *'No route to host'* | *'Connection refused'* | *'Network is unreachable'* | *'Timeout, server'*)
      echo "warning: $LOOPBACK_HA_MACHINE does not answer, so $LOOPBACK_HA_INSTANCE stays on it. If the machine comes back, run there: bash /var/lib/loopback-ha/$LOOPBACK_HA_INSTANCE/current/scripts/remove.sh" >&2
      exit 0
      ;;
  esac
fi
printf '%s: %s\n' "$LOOPBACK_HA_MACHINE" "$errors" | tr -d '\000-\010\013-\037\177' >&2
exit 1
