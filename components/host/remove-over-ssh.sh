# shellcheck shell=sh disable=SC2046,SC2086,SC3013
# The delete command of every host command. It stands in the state as a whole, because a delete must work without
# the files of the checkout that made it. A machine that is gone for good must not stop the others from being removed.
set -f
command -v ssh >/dev/null || { echo "ssh is not installed on this computer; $LOOPBACK_HA_MACHINE was not touched" >&2; exit 1; }

# What ssh may hand on by SendEnv, and does not need; and words that it has since 8.7: see sshHere.cjs.
secrets=$(env | sed -n -e 's/^\(LOOPBACK_HA_[A-Za-z0-9_-]*\)=.*/-u \1/p' -e 's/^\(PULUMI_[A-Za-z0-9_]*\)=.*/-u \1/p')
newer=
if grep -q forkafterauthentication "$(command -v ssh)"; then newer='-o SessionType=default -o StdinNull=no -o ForkAfterAuthentication=no'; fi

# Commands to one machine go one after the other: the same line, and the same tickets, as in queue.cjs.
ticket=
process() {
  state='' began=''
  read -r stat <"/proc/$1/stat" || return 0
  set -- ${stat##*) }
  state=$1 began=${20}
}
is_waiting() {
  kill -0 "${1##*-}" || return 1
  process "${1##*-}"
  read -r of <"$1" || of=
  case $state in [TtZX]) return 1 ;; esac
  # Its number may be another process's by now. One that was stopped holds nobody up.
  [ -z "$of" ] || [ -z "$began" ] || [ "$of" = "$began" ]
}
stand_in_line() {
  line=${TMPDIR:-/tmp}/loopback-ha-$(id -u)
  mkdir -m 700 "$line"
  case $(ls -ld "$line") in drwx------*) ;; *) return 0 ;; esac
  [ -O "$line" ] || return 0
  line=$line/turns/$(readlink /proc/self/ns/net | sed 's/[^0-9]//g; s/$/-/')$LOOPBACK_HA_ADDRESS
  process $$
  mkdir -p "$line" && ticket=$line/$(date +%s)999-$$ || return 0
  trap 'rm -f "$ticket"' EXIT
  printf '%s\n%s\n' "$began" "$LOOPBACK_HA_INSTANCE" >"$ticket" || return 0
  tries=0 ahead=1
  while :; do
    if [ $((tries % 30)) -eq 0 ]; then
      # Longer than any turn may take.
      find "$line" -name '[0-9]*-*' -mmin +15 -exec rm -f {} +
      touch "$ticket"
    fi
    ahead=0
    set +f
    for other in "$line"/[0-9]*-*; do
      [ "$other" != "$ticket" ] || break
      if is_waiting "$other"; then ahead=$((ahead + 1)); else rm -f "$other"; fi
      [ "$ahead" -lt 9 ] || break
    done
    set -f
    [ "$ahead" -gt 0 ] || return 0
    if ! kill -0 "$PPID"; then
      echo "$LOOPBACK_HA_MACHINE: pulumi has ended; nothing was removed" >&3
      exit 1
    fi
    sleep "0.$ahead" || sleep 1
    tries=$((tries + 1))
  done
}
stand_in_line 3>&2 2>/dev/null

# One line of plain words crosses ssh, whatever the login shell is; the rest is on stdin. A machine that keeps silent is
# given up here, as is ssh when nobody waits for us any more.
ask() {
  {
    env $secrets ssh $newer $LOOPBACK_HA_SSH sh -s 2>&1 >/dev/null <<END &
remove() {
  test ! -e \$1/current/scripts/remove.sh || $LOOPBACK_HA_SUDO timeout -k 5 110 bash \$1/current/scripts/remove.sh </dev/null
}
remove /var/lib/loopback-ha/$LOOPBACK_HA_INSTANCE || exit
# What a run has taken over under the stack's new name, and ended before the state had that.
for taken in /var/lib/loopback-ha/*/taken-from; do
  test -e \$taken || continue
  read -r of of_stack <\$taken
  test "\$of" != $LOOPBACK_HA_INSTANCE || remove \${taken%/taken-from} || exit
done
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
}
said=
# What somebody before us in the line heard, by the same words.
if [ "$ticket" ] && [ "$line/unreachable" -nt "$ticket" ]; then
  said=$(cat "$line/unreachable" 2>/dev/null)
  case "$said
" in
    "$LOOPBACK_HA_SSH
"*) said="${said#"$LOOPBACK_HA_SSH"}
255" ;;
    *) said= ;;
  esac
fi
[ "$said" ] || said=$(ask)
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
      [ -z "$ticket" ] || printf '%s\n%s\n' "$LOOPBACK_HA_SSH" "$errors" >"$line/unreachable"
      echo "warning: $LOOPBACK_HA_MACHINE does not answer, so $LOOPBACK_HA_INSTANCE stays on it. If the machine comes back, run this there: bash /var/lib/loopback-ha/$LOOPBACK_HA_INSTANCE/current/scripts/remove.sh" >&2
      exit 0
      ;;
  esac
fi
printf '%s: %s\n' "$LOOPBACK_HA_MACHINE" "$errors" >&2
exit 1
