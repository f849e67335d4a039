# shellcheck shell=sh disable=SC2046,SC2086
# The delete command of every host command. It stands in the state as a whole, because a delete must work without
# the files of the checkout that made it. A machine that is gone for good must not stop the others from being removed.
set -f
command -v ssh >/dev/null || { echo "the ssh program is missing here; $LOOPBACK_HA_MACHINE was not touched" >&2; exit 1; }

# What ssh may hand on by SendEnv, and does not need; and words that it has since 8.7: see sshHere.cjs.
secrets=$(env | sed -n -e 's/^\(LOOPBACK_HA_[A-Za-z0-9_-]*\)=.*/-u \1/p' -e 's/^\(PULUMI_[A-Za-z0-9_]*\)=.*/-u \1/p')
newer=
if grep -q forkafterauthentication "$(command -v ssh)"; then newer='-o SessionType=default -o StdinNull=no -o ForkAfterAuthentication=no'; fi

# One line of plain words crosses ssh, whatever the login shell is; the rest is on stdin. A machine that keeps silent is
# given up here, as is ssh when nobody waits for us any more.
said=$(
  {
    env $secrets ssh $newer $LOOPBACK_HA_SSH sh -s 2>&1 >/dev/null <<END &
s=/var/lib/loopback-ha/$LOOPBACK_HA_INSTANCE/current/scripts/remove.sh
if test -e \$s; then exec $LOOPBACK_HA_SUDO timeout -k 5 110 bash \$s </dev/null; fi
END
    ssh=$!
    {
      seconds=0
      while [ "$seconds" -lt 140 ] && kill -0 $$ 2>/dev/null; do
        sleep 1 >/dev/null 2>&1
        seconds=$((seconds + 1))
      done
      echo "Timeout, server: nothing for $seconds s"
      kill "$ssh"
      sleep 2 >/dev/null 2>&1
      kill -9 "$ssh"
    } 2>/dev/null &
    watchdog=$!
    wait "$ssh" 2>/dev/null
    result=$?
    kill "$watchdog" 2>/dev/null
    printf '\n%s' "$result"
  } | tail -c 8192
)
result=${said##*
}
errors=$(printf '%s' "${said%"$result"}" | LC_ALL=C tr -cd '\011\012\040-\176')
if [ "$result" = 0 ]; then
  # What stays there, and why; not what ssh says.
  printf '%s\n' "$errors" | grep '^warning: ' >&2
  exit 0
fi
if [ "$result" -gt 128 ]; then
  case $errors in
    # Without a word: it took the connection, and then went silent.
    '' | *'timed out'* | *'No route to host'* | *'Connection refused'* | *'Network is unreachable'* | *'Timeout, server'*)
      echo "warning: $LOOPBACK_HA_MACHINE does not answer, so $LOOPBACK_HA_INSTANCE stays on it. If the machine comes back, run there: bash /var/lib/loopback-ha/$LOOPBACK_HA_INSTANCE/current/scripts/remove.sh" >&2
      exit 0
      ;;
  esac
fi
printf '%s: %s\n' "$LOOPBACK_HA_MACHINE" "$errors" >&2
exit 1
