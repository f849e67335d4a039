# shellcheck shell=bash
# Routes to VIP prefixes on a router with FRR: static routes, set by vtysh. What is wanted: see ../routes.sh.
# loopback-ha's routes have a tag. A route is at one of two distances. Its successor is added at the other one, and the
# former is removed when zebra has it: so the kernel sees one replace for each prefix, and never none or two next hops.
# Distances above 1 never share a prefix with an admin's plain `ip route` as multipath.
: "${scripts?}" "${bundle?}"
readonly tag=7676 near=2 far=3
# RTPROT_ZSTATIC: what zebra writes on static routes in the kernel.
readonly zebra=196
# zebra takes the highest byte of a kernel route's metric for its distance: with this, FRR's own are preferred.
readonly demotion=$((200 << 24))
readonly frr=/etc/frr
# shellcheck source-path=SCRIPTDIR source=../routes.sh
. "$scripts/routes.sh"

# vty COMMAND...: runs them in one session. When vtysh rejects one it prints "% ...", and still exits with 0.
vty() {
  local command arguments=() printed tries=20
  for command; do arguments+=(-c "$command"); done
  until printed=$(timeout 30 vtysh "${arguments[@]}" 2>&1) && [[ ! $(complaint <<<"$printed") ]]; do
    [[ $printed == *'could not lock'* ]] || fail "FRR rejects the commands: $(complaint <<<"$printed")"
    # FRR 10 takes changes of one session at a time. A session keeps that lock for long only by `configure terminal file-lock`.
    ((tries-- > 0)) || fail "someone else's vtysh session has FRR's configuration locked ($(complaint <<<"$printed")). The lock ends with that session; see: who"
    sleep 0.5
  done
  say "$printed"
}
# A missing vtysh.conf is not an error.
complaint() { grep -E '^% |is not running|^Exiting' | grep -v 'vtysh\.conf' | head -n 1 || true; }
configure() { [[ $# == 0 ]] || vty 'configure terminal' "$@" >/dev/null; }

# loopback-ha's lines in FRR's running configuration, of all instances.
our_lines() {
  local all
  all=$(vty 'show running-config')
  grep -E "^ip route .* tag $tag( |\$)" <<<"$all" || true
}
# All static routes of FRR: PREFIX HOP|reject DISTANCE ours|foreign. FRR has three words for reject, and treats the same prefix and hop
# with another tag or distance as the same line.
statics() {
  local all
  all=$(vty 'show running-config')
  awk_file statics -v tag="$tag" <<<"$all"
}
wanted_statics() { wanted_routes "$1" | awk '{ print ($1 == "unreachable" ? $2 " reject" : $1 " " $3) }' | sort -u; }
prefixes_of_all_versions() { { of_all_versions routes | awk '{ print $1 }'; of_all_versions block; } | sort -u; }
statics_of_others() {
  local dir
  for dir in $(others); do wanted_statics "$dir"; done
}

# steps DIR <STATICS: "clear|add|drop PREFIX HOP DISTANCE", the way to what that bundle wants: first "clear", so that one of the two
# distances is free, then "add", and "drop" when those are in force.
steps() {
  awk_file staticSteps -v near="$near" -v far="$far" \
    part=has - part=want <(wanted_statics "$1") part=own <(prefixes_of_all_versions) part=others <(statics_of_others) | sort
}
# commands VERB <STEPS: the steps with that verb as commands for vtysh.
commands() { awk -v verb="$1" -v tag="$tag" '$1 == verb { print (verb == "add" ? "" : "no ") "ip route " $2 " " $3 " tag " tag " " $4 }'; }

# zebra_routes PREFIX...: PREFIX PROTOCOL DISTANCE TAG|- installed|other HOP, for all that zebra has for exactly these.
zebra_routes() {
  local prefix arguments=()
  for prefix; do arguments+=(-c "show ip route $prefix"); done
  [[ $# == 0 ]] || timeout 30 vtysh "${arguments[@]}" | awk_file zebraRoutes
}

# "PREFIX via HOP": what zebra has put into the kernel. Multipath routes are left out.
live_items() {
  ip -4 route show table main proto "$zebra" | awk '
    { for (i = 2; i < NF; i++) if ($i == "via") { print ($1 ~ /\// ? $1 : $1 "/32"), "via", $(i + 1); break } }' | sort -u
}
missing_in_kernel() { comm -13 <(live_items) <(wanted_routes "$1" | grep -v '^unreachable' | sort); }

# The supervisor asks each second, and only for the routes: FRR's lines can't disappear without them.
is_live() {
  [[ -z $(missing_in_kernel "$1") ]] && { [[ ${restoring:-} ]] || [[ -z $(statics | steps "$1") ]]; }
}

running() { timeout 10 vtysh -c 'show daemons' 2>&1; }
# Do zebra and staticd run? watchfrr restarts one that dies within some seconds; meanwhile mgmtd of FRR 10 takes lines for staticd.
serves_statics() { [[ $(running) =~ zebra.*staticd|staticd.*zebra ]]; }
check_kind() {
  local daemons line
  need vtysh
  daemons=$(running) || fail "FRR is not running ($(head -n 1 <<<"$daemons")); nothing was changed. Start it: systemctl enable --now frr"
  serves_statics || { [[ $daemons == *watchfrr* ]] && wait_for 10 serves_statics; } ||
    fail "FRR's daemon for static routes is not running (running:$daemons); nothing was changed. See /etc/frr/daemons, then: systemctl restart frr"
  line=$(shadows "$bundle")
  fail_or_warn 1 shadow_message "$line" '; nothing was changed'
  line=$(statics | awk 'FILENAME == "-" { if ($4 == "foreign") foreign[$1 " " $2]; next } ($1 " " $3) in foreign { print $1, $3 }' - "$bundle/want/routes")
  fail_or_warn 1 same_line_message "$line" '; nothing was changed'
}
shadow_message() { say "a route not managed by this stack exists for $1$2. Remove that route, or give it a distance above $far"; }
same_line_message() { say "the line 'ip route $1' exists with another tag or distance, not managed by this stack, and FRR treats both as one line$2. Remove it: vtysh -c 'configure terminal' -c 'no ip route $1'"; }

# shadows DIR: what keeps its routes out of the kernel: "PREFIX already (...)", one a line.
shadows() {
  local prefixes
  mapfile -t prefixes < <(awk '{ print $1 }' "$1/want/routes")
  zebra_routes "${prefixes[@]}" | while read -r prefix protocol distance of _ hop; do
    if [[ $of != "$tag" && $distance -le $far ]] && ! grep -qxF "$prefix via $hop " <(routes_of_siblings); then
      say "$prefix already (FRR has it as $protocol, distance $distance, next hop $hop)"
    fi
  done
}

activate() {
  local dir=$1 have todo clear add drop
  if [[ $(ip -4 rule show pref "$check_preference") ]]; then end_check_path; fi
  [[ $dir ]] || demote_siblings -
  if [[ -z $dir ]] && ! { command -v vtysh && running; } >/dev/null; then
    save stopped
    return
  fi
  have=$(statics)
  todo=$(steps "$dir" <<<"$have")
  mapfile -t clear < <(commands clear <<<"$todo")
  mapfile -t add < <(commands add <<<"$todo")
  mapfile -t drop < <(commands drop <<<"$todo")
  configure "${clear[@]}" "${add[@]}"
  wait_for 1 zebra_has "$todo" || {
    # The supervisor tries again anyway.
    [[ ${restoring:-} ]] || serves_statics || wait_for 15 serves_statics || true
    wait_for 5 zebra_has "$todo"
  } || fail "FRR does not accept these next hops: $(awk '$1 == "add" { print $3 }' <<<"$todo" | sort -u | xargs). Is the router's link to the servers up?"
  configure "${drop[@]}"
  if [[ $dir ]]; then
    [[ ${restoring:-} ]] || demote_siblings +
    wait_for 1 kernel_has "$dir" || {
      install_again "$dir"
      [[ ${restoring:-} ]] || wait_for 5 kernel_has "$dir" || true # verify says what is in the way
    }
  fi
  # A change that is not confirmed yet is not what FRR is to start with.
  [[ $dir && ${restoring:-} != 1 ]] || save
}
settle() { save; }

# install_again DIR: FRR 8.4 does not notice that the kernel lost a route when a link goes down and up within milliseconds. It installs a
# route again that is taken out of its configuration and put back.
install_again() {
  local lost lines
  lost=$(lost_routes "$1")
  mapfile -t lines < <(commands drop <<<"$lost")
  configure "${lines[@]}"
  wait_for 5 zebra_lacks "$lost" || true
  mapfile -t lines < <(commands add <<<"${lost//drop/add}")
  configure "${lines[@]}"
}
# lost_routes DIR: "drop PREFIX HOP DISTANCE" of what zebra has put into the kernel and the kernel has not.
lost_routes() {
  local prefixes installed
  mapfile -t prefixes < <(awk '{ print $1 }' "$1/want/routes")
  installed=$(zebra_routes "${prefixes[@]}" | awk -v tag="$tag" '$4 == tag && $5 == "installed" { print "drop", $1, $6, $3 }')
  # The kernel is asked after zebra: a route that is just being installed is not lost.
  awk 'FILENAME != "-" { missing[$1 " " $3]; next } ($2 " " $3) in missing' <(missing_in_kernel "$1") - <<<"$installed"
}

# wait_for SECONDS CONDITION ARGUMENT
wait_for() {
  local tries=$(($1 * 20))
  shift
  until "$@"; do
    ((tries-- > 0)) || return 1
    sleep 0.05
  done
}
# known_to_zebra STEPS: "PREFIX HOP DISTANCE" for all that zebra has for their prefixes.
known_to_zebra() {
  local prefixes
  mapfile -t prefixes < <(awk '{ print $2 }' <<<"$1" | sort -u)
  zebra_routes "${prefixes[@]}" | awk '{ print $1, $6, $3 }' | sort
}
zebra_has() { [[ -z $(comm -13 <(known_to_zebra "$1") <(steps_of add "$1")) ]]; }
zebra_lacks() { [[ -z $(comm -12 <(known_to_zebra "$1") <(steps_of drop "$1")) ]]; }
steps_of() { awk -v verb="$1" '$1 == verb { print $2, $3, $4 }' <<<"$2" | sort; }
# Waits only for the prefixes that the run affects: another one may be kept out of the kernel by someone else's route.
kernel_has() { [[ -z $(missing_in_kernel "$1" | of_affected 1) ]]; }

# demote_siblings +|-: after a change of kind, the former kind's routes go behind FRR's (+), or in front again (-), until they are removed.
demote_siblings() {
  local dir
  for dir in $(siblings); do
    # Protocols as numbers (-N): FRR installs names of its own for them.
    ip -4 -N route show table main | awk_file demotion -v sign="$1" -v zebra="$zebra" -v by="$demotion" "$dir/want/routes" - | ip -4 -batch -
  done
}

# save [stopped]: puts loopback-ha's running lines into the file that FRR starts with. `write memory` would also save what other people have
# changed and not saved.
save() {
  local file=$frr/frr.conf lines
  if grep -qs '^no service integrated-vtysh-config' "$frr/vtysh.conf"; then file=$frr/staticd.conf; fi
  [[ -e $file ]] || return 0
  if [[ ${1:-} == stopped ]]; then
    lines=$(statics_of_others | awk -v distance="$near" '{ print "add", $0, distance }' | commands add)
  else
    lines=$(our_lines)
  fi
  # At the top, where no other section is open. The folder belongs to FRR's user, so this does not follow links.
  OURS=${lines:+$lines$'\n'} TAG=$tag perl -e '
    require shift;
    my ($file) = @ARGV;
    my ($old, $handle) = contents_of($file);
    my $text = $old;
    $text =~ s/^ip route [^\n]* tag $ENV{TAG}( [^\n]*)?\n//mg;
    $text =~ s/\A((?:(?:[#!]|(?:frr|hostname|domainname|log|service|password|enable|no) )[^\n]*\n|\n)*)/$1$ENV{OURS}/;
    replace_file($file, $handle, $text) if $text ne $old' "$scripts/replaceFile.pl" \
    "$file" || fail "FRR's $file could not be written: the current routes would be lost at FRR's next start. Is it a link, or not a regular file? See: ls -l $file"
}

verify_kind() {
  local missing
  missing=$(missing_in_kernel "$1")
  fail_or_warn 1 missing_message "$missing"
}
missing_message() {
  local prefix hop shadow
  read -r prefix _ hop <<<"$1"
  shadow=$(shadows "$bundle" | grep -m 1 -F "$prefix " || true)
  say "FRR has $prefix via $hop, but does not install it: ${shadow:+a route not managed by this stack exists for }${shadow:-see vtysh -c \"show ip route $prefix\"}"
}

drift() {
  local missing
  missing=$(missing_in_kernel "$1")
  if [[ $missing ]]; then
    say "- route ${missing//$'\n'/$'\n'- route }"
    awk '{ print $1 }' <<<"$missing" | main_routes | sed 's/^/+ route /; s/ *$//'
  fi
  if running >/dev/null; then
    statics | steps "$1" | awk '{ print ($1 == "add" ? "- " : "+ ") "FRR: ip route", $2, $3 }'
  else
    say '+ FRR does not run'
  fi
  networkd_drift
  moved_by_hand
}

sights() {
  live_routes
  forwarding_sights
  inside_sights
}
