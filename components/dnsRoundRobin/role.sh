# shellcheck shell=bash
# One zone in BIND.
#   want/zone       the zone file, with @SERIAL@ for the serial
#   want/settings   zone=DOMAIN, and, where the config sets it, serial_at_least=NUMBER
#   peers           answers of the zone's other name servers: "PEER SERIAL HASH" of the wanted text that they serve, and
#                   "PEER DATE", their date as a serial; "- DATE" is the operator's machine
# In the instance's folder, readable by all:
#   serial          "SERIAL HASH" of what is served here
#   served          "TTL NAME ADDRESS" of each address that is served
#   left            "EPOCH TTL NAME ADDRESS" of each that was served: resolvers may have it until EPOCH + TTL
#   history         each time that a pair left or got a smaller TTL; left has those that still count
# Set by lib.sh and apply.sh:
: "${bundle?}" "${doubted?}" "${machine?}" "${previous?}" "${root?}" "${run?}" "${scripts?}" "${state?}" "${version?}"
# Debian's AppArmor profile lets named read /etc/bind, but not our folder.
readonly bind=/etc/bind
readonly local_conf=$bind/named.conf.local clauses=$bind/loopback-ha.conf zones=$bind/loopback-ha
readonly max_serial=4294967295 patience=10

zone_of() { sed -n 's/^zone=//p' "$1/want/settings"; }
# A slash in a zone's name (RFC 2317) becomes capitals, which no zone's name has.
file_of() { say "$zones/${1//\//-SLASH-}.zone"; }
# Zones of this instance, including half-applied and half-removed ones.
zones_of_instance() { of_all_versions settings | sed -n 's/^zone=//p' | sort -u; }

ask_named() { timeout 15 rndc "$@" 2>&1; }
tell_named() {
  local answer
  answer=$(ask_named "$@") || fail "named rejects 'rndc $*': $(one_line <<<"$answer")"
}
one_line() { first_few 4 lines | tr '\n' ' ' | sed 's/ *$//'; }
knows_zone() { ask_named zonestatus "$1" >/dev/null; }
served_serial() { ask_named zonestatus "$1" | sed -n 's/^serial: //p'; }

# The serial is on a line of its own. No record looks like it.
serial_in() { sed -nE 's/^ +([0-9]+) +; serial$/\1/p' "$1" 2>/dev/null || true; }
with_serial() { sed -E "s/^( +)@SERIAL@( +; serial)$/\1$1\2/"; }
hash_of_wanted() { sha256sum <"$1/want/zone" | cut -d ' ' -f 1; }
without_serial() { sed -E 's/^( +)[0-9]+( +; serial)$/\1@SERIAL@\2/' "$1"; }
hash_of_installed() { without_serial "$1" | sha256sum | cut -d ' ' -f 1; }

check() {
  need named named-checkzone named-checkconf rndc awk
  local zone other error
  zone=$(zone_of "$bundle")
  for other in $(others); do
    [[ $(zone_of "$other") != "$zone" ]] ||
      fail "zone $zone already belongs to $(meta_of "$other" instance) of stack $(meta_of "$other" stack); nothing was changed. Remove it from one of the two stacks"
  done
  if ! [[ -f $local_conf ]] || ! grep -qE '^[[:space:]]*include[[:space:]]+"(/etc/bind/)?named\.conf\.local"' "$bind/named.conf"; then
    fail "BIND on this machine does not include $local_conf, as Debian's does; nothing was changed. Add 'include \"$local_conf\";' to $bind/named.conf"
  fi
  learn_policy
  # This run corrects errors in our own file.
  if has_include && ! [[ -e $clauses ]]; then
    :
  elif ! error=$(named-checkconf 2>&1); then
    [[ $error == *"$clauses"* ]] ||
      fail "BIND's configuration was already broken before this change: $(one_line <<<"$error"); nothing was changed. Fix it, then run 'pulumi up' again"
  elif ! grep -qsxF -e "$(clause "$zone")" -e "$(policy='' clause "$zone")" "$clauses"; then
    error=$(named-checkconf <(say "include \"$bind/named.conf\";" && clause "$zone") 2>&1) || refuse_zone "$zone" "$error"
  fi
  # If named already serves a zone of loopback-ha here, a stopped named is drift.
  systemctl is-active --quiet named || { [[ $previous || $(others) ]] && timeout 30 systemctl start named 2>/dev/null; } || fail "named is not running; nothing was changed. Start it: systemctl start named"
  error=$(ask_named status) || fail "rndc can't talk to named: $(one_line <<<"$error"); nothing was changed. See: rndc status"
  error=$(with_serial 1 <"$bundle/want/zone" | named-checkzone -i local -k fail "$zone" - 2>&1) ||
    fail "named-checkzone rejects zone $zone: $(sed -E 's/stream-0x[0-9a-f]+:/line /; s/dns_[a-z_]+: (line)/\1/; /\(null\)|not loaded/d' <<<"$error" | one_line); nothing was changed"
}

refuse_zone() {
  local where
  where=$(sed -n 's/.*already exists previous definition: //p' <<<"$2" | head -n 1)
  [[ -z $where ]] || fail "zone $1 is already configured in BIND, but not by this stack ($where); nothing was changed. Remove it there, or remove the zone from the config"
  [[ $2 != *"must be in views"* ]] ||
    fail "BIND on this machine has views, so it allows no zones outside them, where this stack would add its own; nothing was changed. Remove the views ($(grep -lsE '^[[:space:]]*view[[:space:]]' "$bind"/*.conf* | xargs)), or use a name server without views for zone $1"
  fail "BIND does not accept zone $1: $(one_line <<<"$2"); nothing was changed"
}

# A dnssec-policy for all zones must not apply to ours: named would sign them, and choose their serials. BIND 9.16 introduced it.
policy=''
learn_policy() {
  if named-checkconf <(say 'zone "." { type master; file "/dev/null"; dnssec-policy none; };') >/dev/null 2>&1; then policy=' dnssec-policy none;'; fi
}
clause() { say "zone \"$1\" { type master; file \"$(file_of "$1")\";$policy };"; }
clauses_now() { cat "$clauses" 2>/dev/null || true; }
clauses_text() {
  local dir
  say '// Zones of pulumi-loopback-ha. Written by pulumi up; changes belong in its config.'
  for dir in "$@"; do
    # Another instance's first run may have ended before its zone file was written.
    [[ ! -e $(file_of "$(zone_of "$dir")") ]] || clause "$(zone_of "$dir")"
  done | sort
}
# in_force DIR: the bundles whose zones are in force once DIR is.
in_force() { [[ -z $1 ]] || say "$1"; others; }

# Our line in named.conf.local also says whether the line above it ended in a newline before.
readonly include_line="include \"$clauses\"; // zones of pulumi-loopback-ha"
readonly unended=", after a line that had no end"
readonly include_pattern='^include "/etc/bind/loopback-ha\.conf"; // zones of pulumi-loopback-ha'
has_include() { grep -qs "$include_pattern" "$local_conf"; }
with_include() {
  cat "$local_conf"
  if [[ -z $(tail -c 1 "$local_conf") ]]; then say "$include_line"; else say && say "$include_line$unended"; fi
}
without_include() {
  if [[ $(tail -n 1 "$local_conf") == "$include_line$unended" ]]; then
    sed "\\|$include_pattern|d" "$local_conf" | head -c -1
  else
    sed "\\|$include_pattern|d" "$local_conf"
  fi
}
# Keeps the file's owner and mode, and a link.
install_local_conf() {
  local target
  target=$(readlink -f "$local_conf")
  cat >"$run/text"
  # The link may lead to a folder that another user owns.
  perl -e '
    require shift;
    my ($file, $text) = @ARGV;
    my (undef, $handle) = contents_of($file);
    replace_file($file, $handle, (contents_of($text))[0])' "$scripts/replaceFile.pl" "$target" "$run/text"
}

# install_clauses DIR: BIND's configuration; sets changed=1 when named has not read it yet.
install_clauses() {
  local dirs
  learn_policy
  mapfile -t dirs < <(in_force "$1")
  if ((${#dirs[@]})); then
    [[ $(clauses_text "${dirs[@]}") == "$(clauses_now)" ]] || changed=1
    clauses_text "${dirs[@]}" | install_file "$clauses" 644
    has_include && return
    changed=1
    with_include | install_local_conf
  elif [[ -e $clauses ]] || has_include; then
    changed=1
    ! has_include || without_include | install_local_conf
    delete "$clauses"
  fi
}

is_live() {
  local dirs
  learn_policy
  mapfile -t dirs < <(in_force "$1")
  has_include && [[ $(clauses_text "${dirs[@]}") == "$(clauses_now)" ]] && is_served "$1"
}
is_served() {
  local file
  file=$(file_of "$(zone_of "$1")")
  [[ -e $file && $(hash_of_installed "$file") == "$(hash_of_wanted "$1")" ]] &&
    [[ $(served_serial "$(zone_of "$1")") == "$(serial_in "$file")" ]]
}

# last_serial_of SERIAL: the last serial of the day after tomorrow, for a SERIAL yyyymmddnn. In Perl, as date -d of Ubuntu's
# uutils does not read such words.
last_serial_of() {
  # shellcheck disable=SC2016 # expanded by Perl
  TZ=UTC0 perl -MPOSIX=mktime,strftime -e '
    my ($year, $month, $day) = $ARGV[0] =~ /^(.{4})(..)(..)/;
    print strftime "%Y%m%d99", gmtime mktime 0, 0, 12, $day + 2, $month - 1, $year - 1900' "$1"
}
# seconds_of TIME: seconds since 1970 of a time as rndc prints it: Mon, 30 Nov 2026 00:09:55 GMT.
seconds_of() {
  # shellcheck disable=SC2016 # expanded by Perl
  TZ=UTC0 perl -MPOSIX=mktime -e '
    my ($day, $month, $year, $h, $m, $s) = $ARGV[0] =~ /(\d+) (\w{3}) (\d{4}) (\d\d):(\d\d):(\d\d)/ or exit 1;
    print mktime $s, $m, $h, $day, index("JanFebMarAprMayJunJulAugSepOctNovDec", $month) / 3, $year - 1900' "$1"
}

# pick_serial HASH LIMIT: see pickSerial.awk.
pick_serial() { awk_file pickSerial -v hash="$1" -v limit="$2" -v most="$max_serial"; }

# choose_serial DIR: the same text has the same serial on all name servers: the serial of a server that has the text, unless
# another server's is higher; else the next one.
choose_serial() {
  local zone file served today serial='' peers='' picked kind peer value limit least
  least=$(value_in "$1/want/settings" serial_at_least)
  zone=$(zone_of "$1")
  file=$(file_of "$zone")
  served=$(served_serial "$zone" || true)
  today=$(date -u +%Y%m%d00)
  limit=$(last_serial_of "$today")
  # A rollback does not ask peers.
  if [[ $1 == */"$version" && -e $bundle/peers ]]; then
    peers=$(grep -v '^- ' "$bundle/peers" || true)
    # This machine's clock may be behind.
    value=$(sed -nE 's/^- ([0-9]{10})$/\1/p' "$bundle/peers" | head -n 1)
    if [[ $value ]] && ((value > today)); then limit=$(last_serial_of "$value"); fi
  fi
  picked=$({
    sed 's/^/- /' "$state/serial" 2>/dev/null || true
    # A file that named has not loaded does not count: it may come from a failed run.
    if [[ $served ]]; then
      say "- $served unknown"
      [[ $(serial_in "$file") != "$served" ]] || say "- $served $(hash_of_installed "$file")"
    fi
    say "- $today"
    # As if all serials below it had been served.
    [[ ! $least ]] || say "- $((least - 1)) unknown"
    say "$peers"
  } | pick_serial "$(hash_of_wanted "$1")" "$limit")
  while read -r kind peer value; do
    case $kind in
      serial) serial=$peer ;;
      beyond) warn "name server $peer reports serial $value for zone $zone, far above today's: it is ignored when the next serial is chosen. Check the clock there (date), and what it serves: rndc zonestatus $zone" ;;
    esac
  done <<<"$picked"
  ((serial <= max_serial)) || fail "zone $zone has serial $max_serial, and no higher serial exists (RFC 1982 describes how to start over)"
  say "$serial"
}

# pairs_of DIR: "TTL NAME ADDRESS" of all addresses in the wanted zone.
pairs_of() { awk_file pairs "$1/want/zone" | sort -u; }
note_served() {
  local now
  now=$(date +%s)
  touch "$state/served" "$state/history"
  sort -k 2,3 -k 1,1nr | awk '!seen[$2 " " $3]++' >"$run/pairs"
  {
    # Pairs whose remaining time starts now: they left the zone, or got a smaller TTL.
    awk -v now="$now" '
      { pair = $2 " " $3 }
      FILENAME ~ /pairs$/ { if ($1 > ttl[pair]) ttl[pair] = $1; next }
      !(pair in ttl) || $1 > ttl[pair] { print now, $1, pair }' "$run/pairs" "$state/served"
    awk -v now="$now" '$1 + 2 * $2 + 86400 >= now' "$state/history"
  } | sort -u | install_file "$state/history" 644
  awk_file left "$run/pairs" "$state/history" | sort | install_file "$state/left" 644
  install_file "$state/served" 644 <"$run/pairs"
}

activate() {
  local dir=$1 zone='' stale known=''
  # install_clauses and install_zone set these.
  local changed='' renewed=''
  rm -f "$local_conf.loopback-ha-new" "$clauses.loopback-ha-new" "$zones"/*.loopback-ha-new
  if [[ $dir ]]; then
    zone=$(zone_of "$dir")
    ! knows_zone "$zone" || known=1
    install_zone "$dir" "$zone"
  fi
  install_clauses "$dir"
  if [[ $changed ]] || needs_reconfig "$zone"; then reconfigure "$zone"; fi
  if [[ $dir ]]; then
    [[ ! $known ]] || reload "$zone"
    wait_served "$dir"
    pairs_of "$dir" | note_served
    say "$(serial_in "$(file_of "$zone")") $(hash_of_wanted "$dir")" | install_file "$state/serial" 644
  fi
  for stale in $(zones_of_instance); do
    [[ $stale == "$zone" ]] || rm -f "$(file_of "$stale")"
  done
  [[ $dir ]] || rmdir --ignore-fail-on-non-empty "$zones" 2>/dev/null || true
}

# install_zone DIR ZONE: sets renewed=1 when the file changes.
install_zone() {
  local file serial
  file=$(file_of "$2")
  serial=$(choose_serial "$1")
  # Until the reload is noted, named may serve old and new pairs.
  { pairs_of "$1"; cat "$state/served" 2>/dev/null || true; } | note_served
  mkdir -p "$zones"
  with_serial "$serial" <"$1/want/zone" >"$run/zone"
  cmp -s "$run/zone" "$file" || renewed=1
  install_file "$file" 644 <"$run/zone"
}

# needs_reconfig ZONE: named does not know this zone yet, or still has another one of this instance. "": no zone is wanted.
needs_reconfig() {
  local other
  [[ ! $1 ]] || knows_zone "$1" || return 0
  for other in $(zones_of_instance); do
    if [[ $other != "$1" ]] && knows_zone "$other"; then return 0; fi
  done
  return 1
}

# reconfigure ZONE: "" for a removal.
reconfigure() {
  local error
  # A named that starts later finds the zone gone.
  if [[ ! $1 ]] && ! systemctl is-active --quiet named; then return 0; fi
  error=$(named-checkconf 2>&1) || fail "BIND's configuration is broken: $(one_line <<<"$error")"
  tell_named reconfig
}

# reload ZONE. named reloads a file only if it is newer than the loaded one, which it is not after the clock was set back.
reload() {
  local file loaded
  file=$(file_of "$1")
  if [[ $renewed || $(served_serial "$1") != "$(serial_in "$file")" ]]; then
    loaded=$(ask_named zonestatus "$1" | sed -n 's/^last loaded: //p')
    if [[ $loaded ]]; then
      loaded=$(seconds_of "$loaded")
      (($(stat -c %Y "$file") > loaded)) || touch -d "@$((loaded + 1))" "$file"
    fi
  elif [[ ! $doubted ]]; then
    return 0
  fi
  tell_named reload "$1"
}

# rndc returns before a reload has finished.
wait_served() {
  local zone deadline
  deadline=$(($(uptime_seconds) + patience))
  zone=$(zone_of "$1")
  until is_served "$1"; do
    (($(uptime_seconds) < deadline)) ||
      fail "named does not serve serial $(serial_in "$(file_of "$zone")") of zone $zone after $patience s: $(journalctl -u named -n 200 -o cat 2>/dev/null | grep -F "zone $zone/" | tail -n 1) (journalctl -u named)"
    sleep 0.1
  done
}

verify() { wait_served "$1"; }

report() {
  local zone
  zone=$(zone_of "$1")
  say "$machine: zone $zone served with serial $(served_serial "$zone"), $(pairs_of "$1" | wc -l) addresses"
}

# A name server may have hundreds of zones, and each preview checks all of them: a zone without drift costs few processes.
drift() {
  local zone file text noted serial='' differences
  IFS='=' read -r _ zone <"$1/want/settings"
  file=$(file_of "$zone")
  text=$(<"$local_conf")
  [[ $'\n'$text == *$'\n'"$include_line"* ]] || say "- in $local_conf: include \"$clauses\";"
  text=$(clauses_now)
  [[ $'\n'$text$'\n' == *$'\n'"$(clause "$zone")"$'\n'* || $'\n'$text$'\n' == *$'\n'"$(policy=' dnssec-policy none;' clause "$zone")"$'\n'* ]] || say "- in $clauses: zone \"$zone\""
  sed -E '\|^(//.*)?$|d; \|^zone "[^"]+" \{ type master; file "'"$zones"'/[^"]+";( dnssec-policy none;)? \};$|d; s|^|+ in '"$clauses"': |' <<<"$text"
  read -r noted _ <"$state/serial" || noted=unknown
  if [[ ! -e $file ]]; then
    say "- $file"
  else
    text=$(<"$1/want/zone")
    if [[ $(<"$file") == "${text/@SERIAL@/$noted}" ]]; then
      ! untouched "$file" || return 0
    else
      differences=$(without_serial "$file" | diff -a -U0 "$1/want/zone" -) || [[ $? == 1 ]]
      awk -v zone="$zone" 'NR > 2 && /^[-+]/ { print substr($0, 1, 1) " zone " zone ": " substr($0, 2) }' <<<"$differences"
      serial=$(serial_in "$file")
      [[ $serial == "$noted" ]] || printf '%s\n' "- zone $zone: serial $noted" "+ zone $zone: serial ${serial:-none}"
    fi
  fi
  serial=$(served_serial "$zone" || true)
  if [[ ! $serial ]]; then
    printf '%s\n' "- named serves zone $zone" "+ named does not serve zone $zone"
  elif [[ $serial != "$noted" ]]; then
    printf '%s\n' "- named serves zone $zone with serial $noted" "+ named serves zone $zone with serial $serial"
  fi
}

# untouched FILE: named still serves what it served when apply.sh checked it: it runs, and no file that it reads was written since.
# Much faster than asking it.
untouched() {
  local pid name applied newest=$state/applied
  # named's own user can put anything there, such as a pipe that blocks.
  [[ -f /run/named/named.pid ]] && read -r pid </run/named/named.pid && read -r name <"/proc/$pid/comm" && [[ $name == named ]] || return 1
  # Another zone's run may have written the clauses later, and then it checked named.
  for applied in "$root"/*/applied; do
    [[ ! $applied -nt $newest ]] || newest=$applied
  done
  [[ ! $(find -L "$1" "$local_conf" "$clauses" \( -path "$1" -cnewer "$state/applied" -o -cnewer "$newest" \)) ]]
} 2>/dev/null
