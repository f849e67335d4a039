# shellcheck shell=bash
# Apache as it is found: configuration that is not managed by loopback-ha, and programs that hold Apache's ports.
# Set by lib.sh, apply.sh and role.sh:
: "${bundle?}" "${doubted?}" "${fastcgi?}" "${run?}" "${scripts?}" "${state?}" "${vhosts?}"

# The first errors of Apache's own config test; empty when it finds none.
config_error() { apache2ctl configtest 2>&1 | grep -v -e '^Syntax OK' -e '^AH0055[78]' -e '^Action ' | first_few 3 lines | tr '\n' ' '; }

# What Apache logged last when it stopped or failed to start.
last_words() {
  { tail -n 20 /var/log/apache2/error.log || true; journalctl -u apache2 --since=-2min -o cat -n 30 || true; } 2>/dev/null |
    grep -E '^\(|AH[0-9]{5}|:(emerg|alert|crit)\]|Unable to open' | grep -v 'AH0055[78]' | tail -n 3 | printable | tr '\n' ' ' || true
}

# Why Apache does not run, with file and line where they are known.
config_trouble() {
  local address port place holder
  if IFS=$'\t' read -r address port place holder < <(held_listens <(dump_config | configured) <(foreign_sockets) | printable); then
    printf 'port %s of %s is in use by another program (%s), but %s needs it; ' "$port" "$address" "$holder" "$place"
  fi
  last_words
}

# The whole configuration, as Apache reads it, in one pass and without starting it.
readonly mod_info=/usr/lib/apache2/modules/mod_info.so
dump_config() { apache2ctl -t -D DUMP_MODULES -D DUMP_INCLUDES -D DUMP_CONFIG -C "LoadModule info_module $mod_info" 2>/dev/null; }

# The same without our own virtual hosts, whose thousands of addresses would take long. For drift checks.
foreign_config() {
  # shellcheck disable=SC2016
  unshare -m sh -ec 'mount -t tmpfs none /dev/shm
    : >/dev/shm/nothing
    for ours in /etc/apache2/sites-enabled/loopback-ha.*.conf; do mount --bind /dev/shm/nothing "$ours"; done
    exec apache2ctl -t -D DUMP_MODULES -D DUMP_CONFIG -C "LoadModule info_module $0"' "$mod_info" 2>/dev/null
}
# A checksum of all configuration that is not ours.
surroundings() {
  { foreign_config || dump_config || true; } | awk '/^# In file: / { ours = /\/loopback-ha[.][^\/]*$/ } !ours' | sha256sum | cut -d ' ' -f 1
}
# foreign_names <CONFIGURED: the names that virtual hosts not managed by this stack serve on all addresses: NAME TAB PLACE.
readonly most_names=1000
foreign_names() {
  awk -F '\t' -v OFS='\t' -v most="$most_names" '$1 == "name" && $2 ~ /^[a-z0-9.*?_-]+$/ && !seen[$2]++ && count++ < most { print $2, $3 }' | printable
}

# Text from elsewhere, for a message.
printable() { tr -cd '[:print:]\t\n'; }

# Listens, names and folders in what dump_config prints.
configured() { awk_file configured; }

# Listening sockets of all programs but this Apache: ADDRESS TAB PORT TAB HOLDER.
foreign_sockets() {
  local socket holder pid group
  while read -r _ _ _ socket _ holder; do
    [[ $holder =~ pid=([0-9]+) ]] || continue
    pid=${BASH_REMATCH[1]}
    if [[ $holder == *'("apache2",'* ]]; then
      group=$(cat "/proc/$pid/cgroup" 2>/dev/null || true)
      [[ $group && $group != */apache2.service* ]] || continue
    fi
    holder=${holder#*(\"}
    printf '%s\t%s\t%s\n' "${socket%:*}" "${socket##*:}" "${holder%%\"*}, process $pid"
  done < <(ss -Hltnp)
}

# held_listens CONFIGURED SOCKETS: the first Listen whose port another program holds.
held_listens() {
  awk_file heldListens "$1" "$2"
}

# hidden_vhosts CONFIGURED SITES: sites that a virtual host not managed by this stack also serves by name.
hidden_vhosts() {
  awk_file hiddenVhosts "$1" "$2"
}

# shown_programs CONFIGURED DIRECTIVES SITES: sites that run programs from a folder that a virtual host not managed by this stack
# also shows.
shown_programs() {
  awk_file shownPrograms -v fastcgi="$fastcgi" part=1 "$1" part=2 "$2" part=3 "$3"
}

# Apache stops when it cannot bind one of its ports, and its config test does not check that.
check_ports() {
  local address port place holder
  IFS=$'\t' read -r address port place holder < <(held_listens <(say "$1") <(foreign_sockets) | printable) || return 0
  [[ $address != '*' ]] || address='all addresses'
  fail "port $port is in use by another program ($holder), so Apache would stop at its next start or reload: its configuration has it listen on port $port of $address ($place); nothing was changed. Stop that program, move it to another port, or remove that line"
}

# check_config CONFIGURED: Apache accepts it, but does it have what the sites need? Warns about virtual hosts that the sites' will hide.
check_config() {
  local module place listens site name
  for module in alias_module authz_core_module setenvif_module; do
    [[ $'\n'$1$'\n' == *$'\n'module$'\t'$module$'\n'* ]] ||
      fail "Apache lacks $module; nothing was changed. Enable it: a2enmod ${module%_module}"
  done
  listens=$(awk_file listensForHttp <(say "$1") | printable)
  [[ $listens ]] || fail "Apache does not listen on port 80 of all addresses; nothing was changed. Add 'Listen 80' to /etc/apache2/ports.conf"
  [[ $listens == all ]] ||
    fail "Apache does not listen on port 80 of all addresses, but of $listens; nothing was changed. Use a single 'Listen 80' instead"
  site=$(awk -v fastcgi="$fastcgi" 'tolower($0) ~ fastcgi { print $1; exit }' "$(directives_of "$bundle")")
  [[ ! $site || $'\n'$1$'\n' == *$'\n'module$'\t'proxy_fcgi_module$'\n'* ]] ||
    fail "site $site uses a FastCGI handler, but Apache lacks proxy_fcgi_module and would show the source code of programs; nothing was changed. Enable it: a2enmod proxy_fcgi, and reload Apache"
  while IFS=$'\t' read -r site name place; do
    say "site $site: a virtual host not managed by this stack also serves $name ($place). On the site's VIPs this stack's virtual host answers instead, without the other one's directives: files that it denies, and the source code of programs such as PHP, become public there if they are in the site's document root"
  done < <(hidden_vhosts <(say "$1") "$bundle/want/sites" | printable) | warn_each 10 "names that virtual hosts not managed by this stack also serve"
  while IFS=$'\t' read -r site name place; do
    say "site $site: a virtual host not managed by this stack also serves $name ($place): if it does not run the site's programs, their source code is public on this server's own addresses, and for a moment on new VIPs. Give the site its own documentRoot, or disable that virtual host (a2dissite)"
  done < <(shown_programs <(say "$1") "$(directives_of "$bundle")" "$bundle/want/sites" | printable) | warn_each 10 "sites whose programs another virtual host may show as source"
}

# The operator creates this file to skip the trial start.
readonly untried=/etc/apache2/loopback-ha.no-trial
readonly trial_seconds=20
cleanup_trial() { rm -rf "$run/trial" "$run/dump"; }

# The machine's local addresses, for ip -batch in a separate network namespace.
local_addresses() {
  ip -o address show | awk '$2 != "lo" && $3 ~ /^inet/ { sub(/[\/].*/, "", $4); print "address add " $4 ($3 == "inet6" ? "/128 dev lo nodad" : "/32 dev lo") }'
  ip -4 route show table local type local | awk '{ print "route replace local " $2 " dev lo table local" }'
}

# A reload with another MPM than the running one stops Apache (AH00534). Neither its config test nor a start shows that.
# other_mpm <DUMP: the problem, as the rest of a sentence; empty when there is none.
other_mpm() {
  local now wanted
  now=$(running_mpm)
  # Reads to the end, or the writer would fail.
  wanted=$(awk '/^ mpm_[a-z]+_module \((static|shared)\)\r?$/ && !count++ { sub(/_module$/, "", $1); print $1 }')
  [[ ! $now || ! $wanted || $now == "$wanted" ]] ||
    say "it runs with $now, but its configuration now has $wanted. Restart it when convenient (systemctl restart apache2), or re-enable $now (a2dismod $wanted; a2enmod $now)"
}
running_mpm() {
  local pid
  pid=$(systemctl show --property MainPID --value apache2)
  awk 'match($0, /\/mod_mpm_[a-z]+[.]so$/) { print substr($0, RSTART + 5, RLENGTH - 8); exit }' "/proc/$pid/maps" 2>/dev/null || true
}

# trial DIR: what trial.sh says about Apache with the text of the bundle DIR; "": without our text. Prints nothing when Apache
# already runs with that text.
trial() {
  local folder=$run/trial question=$'127.0.0.1\tx\t/' vip='' name path other
  if [[ -e $untried ]]; then
    printf 'unknown\t%s exists\n' "$untried"
    return
  fi
  rm -rf "$folder"
  mkdir -m 700 "$folder"
  [[ ! -e $run/dump ]] || mv "$run/dump" "$folder/dump"
  if [[ $1 ]]; then
    (umask 077 && render "$1" >"$folder/vhosts.conf")
    if is_loaded "$folder/vhosts.conf"; then
      cleanup_trial
      return
    fi
    if IFS=$'\t' read -r _ vip _ name path _ < <(questions "$1" <(head -n 1 "$1/want/sites")); then question="$vip"$'\t'"$name"$'\t'"$path"; fi
  fi
  other=$({ if [[ -e $folder/dump ]]; then cat "$folder/dump"; else dump_config; fi } | other_mpm)
  if [[ $other ]]; then
    printf 'reload\t%s\n' "$other"
    cleanup_trial
    return
  fi
  say "$question" >"$folder/question"
  local_addresses >"$folder/network"
  [[ ! $vip ]] || say "route replace local $vip dev lo table local" >>"$folder/network"
  [[ $(</proc/sys/net/ipv4/ip_nonlocal_bind) == 0 ]] || : >"$folder/nonlocal"
  timeout -s KILL $((trial_seconds * 2)) unshare -n -m -p -i -f --kill-child --mount-proc \
    bash "$scripts/trial.sh" "$folder" "$vhosts" "$trial_seconds" 2>"$folder/errors" ||
    printf 'unknown\t%s\n' "$(tail -n 1 "$folder/errors")"
  cleanup_trial
}
# is_loaded TEXT: Apache already runs with this text.
is_loaded() { [[ ! $doubted && -e $vhosts ]] && cmp -s "$1" "$vhosts" && systemctl is-active --quiet apache2; }

# Set by check_trial: that a trial was made, or why none was possible.
tried='' no_trial=''
is_tried() { [[ ! $no_trial ]]; }
# Remembered, so that the reason for no trial is reported once.
note_trial() {
  if [[ $no_trial ]]; then
    say "$no_trial" >"$state/no-trial"
  elif [[ $tried ]]; then
    rm -f "$state/no-trial"
  fi
}

# own_line DIR WORDS: which of a site's own lines Apache complains about.
own_line() {
  [[ $2 =~ line\ ([0-9]+)\ of\ "$vhosts" ]] || return 0
  render "$1" | awk_file ownLine -v at="${BASH_REMATCH[1]}" | printable
}

# Apache's config test checks syntax only. A missing key, module folder or address still stops Apache.
check_trial() {
  local found verdict words
  found=$(trial "$1" | printable)
  IFS=$'\t' read -r verdict words <<<"${found%%$'\n'*}"
  case $verdict in
    ended) fail "Apache would stop at its next start or reload, as an isolated trial run of its whole configuration shows: ${words}$(own_line "$1" "$words")- nothing was changed. Fix that, then run 'pulumi up' again (if the trial is wrong: touch $untried)" ;;
    reload) fail "Apache would stop at its next reload: $words; nothing was changed. Fix that, then run 'pulumi up' again" ;;
    silent) fail "Apache does not answer within $trial_seconds s in an isolated trial run of its whole configuration; nothing was changed. Find out what it waits for, then run 'pulumi up' again (if it needs the network for that: touch $untried)" ;;
    unknown)
      no_trial=$words
      [[ -e $state/no-trial && $(<"$state/no-trial") == "$words" ]] ||
        warn "Apache's configuration can't be tried before the reload ($words): a fault in files not managed by this stack that Apache's own test does not find would stop it. Reported once"
      ;;
    alive)
      tried=1
      check_ports "$(awk -F '\t' -v OFS='\t' '$1 == "listen" { print $0, "in a trial start" }' <<<"$found")"
      ;;
  esac
}
