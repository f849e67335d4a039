# shellcheck shell=bash
# The virtual hosts of one pool, in one file that Apache includes.
#   want/sites                 SITE NAME,ALIAS,... VIP,VIP,... DOCUMENT-ROOT
#   want/private/vhost.conf    the template of a site's vhosts, with @MACHINE@, @SITE@, @SERVER_NAME@, @ALIAS@, @LISTEN@ and @ROOT@
#   want/private/server.conf   what comes before all sites, with @EVERY:PREFIX@ or @EVERY:PREFIX:PORT@
#   want/private/directives    a site's own lines, for @DIRECTIVES@: SITE - LINE, or SITE * LINE with a secret in it. May be missing
# For https: see tls.sh.
# Set by lib.sh and apply.sh:
: "${bundle?}" "${doubted?}" "${instance?}" "${machine?}" "${previous?}" "${root?}" "${run?}" "${scripts?}" "${stack?}" "${state?}" "${version?}"
vhosts_of() { say "/etc/apache2/sites-enabled/loopback-ha.$1.conf"; }
vhosts=$(vhosts_of "$instance")
readonly vhosts
# Matches, in lower case, a site's own line that runs programs.
readonly fastcgi='^[^ ]+ . *(set|add)handler.*proxy:.*fcgi:'
# How many sites that a change did not touch are checked as well: Apache may have trouble that the change did not cause.
readonly sampled=50
# How many sites are checked on each of their VIPs. The others are checked on one: the router checks each VIP before it moves traffic.
readonly thorough=100
# shellcheck source-path=SCRIPTDIR source=roots.sh
. "$scripts/roots.sh"
# shellcheck source-path=SCRIPTDIR source=foreign.sh
. "$scripts/foreign.sh"
# shellcheck source-path=SCRIPTDIR source=tls.sh
[[ ! -e $scripts/tls.sh ]] || . "$scripts/tls.sh"
has_https() { [[ -e $1/want/https ]]; }

# directives_of DIR: the file with the sites' own lines.
directives_of() { if [[ -e $1/want/private/directives ]]; then say "$1/want/private/directives"; else say /dev/null; fi; }

# render DIR: the text of our virtual hosts.
render() {
  local store='' ticket='' https=()
  if has_https "$1"; then
    store=$certificates ticket=$(ticket_file "$1")
    https=(part=https -)
  fi
  say "# Vhosts of stack $stack. Written by pulumi up; changes belong in its config."
  awk_file serverText -v store="$store" -v ticket="$ticket" "$1/want/private/server.conf"
  awk_file filledVhosts -v machine="$machine" -v store="$store" -v ticket="$ticket" -v fastcgi="$fastcgi" \
    part=1 "$1/want/private/vhost.conf" part=2 "$(directives_of "$1")" "${https[@]}" part=3 "$1/want/sites" part=4 "$1/want/sites" \
    < <(! has_https "$1" || https_sites "$1")
}

# A checksum of that text saves rendering it at each look. On a full disk there is none.
note_checksum() { sha256sum <"$vhosts" >"$1/checksum" 2>/dev/null || rm -f "$1/checksum"; }
is_as_made() { [[ -e $state/current/checksum ]] && sha256sum <"$vhosts" | cmp -s - "$state/current/checksum"; }

roots() { cut -d ' ' -f 4 "$1/want/sites" | sort -u; }

# Lines of want/sites that a change may have broken: those that differ, and those that share a VIP with one that differs or
# is gone. All of them without a previous version, or when the template of all sites differs.
touched_sites() {
  local want=$1/want before=$state/versions/${previous:-none}/want
  if [[ $doubted || $previous == "$version" || ! -e $before/sites ]] || ! cmp -s "$before/private/vhost.conf" "$want/private/vhost.conf" ||
    ! cmp -s "$before/private/server.conf" "$want/private/server.conf"; then
    cat "$want/sites"
    return
  fi
  awk_file touchedSites -v sampled="$sampled" part=1 "$(directives_of "${before%/want}")" part=2 "$(directives_of "$1")" part=3 "$before/sites" part=4 "$want/sites"
}

# questions DIR SITES: what the sites must answer, for probe.pl. Wildcards and unknown names are asked on one VIP each.
questions() {
  awk_file questions -v machine="$machine" -v thorough="$thorough" "$1/want/private/vhost.conf" "$2"
}

check() {
  need apache2 apache2ctl perl ss systemctl
  local config error
  [[ -e $mod_info ]] || fail "Apache's $mod_info is missing; nothing was changed. Install it (apt-get install --reinstall apache2-bin)"
  # This tests the configuration, too.
  if (umask 077 && dump_config >"$run/dump"); then
    config=$(configured <"$run/dump")
    check_ports "$config"
    check_config "$config"
  else
    rm -f "$run/dump"
    # This run corrects errors in our own files.
    error=$(config_error || true)
    [[ $error == *"$state/"* || $error == *"$vhosts"* ]] ||
      fail "Apache's configuration was already broken before this change: $error- nothing was changed. Fix it, then run 'pulumi up' again"
    check_ports $'listen\t*\t80\t/etc/apache2'
  fi
  if has_https "$bundle"; then
    check_https
    fetch_certificates "$bundle"
  fi
  check_trial "$bundle"
  systemctl is-enabled --quiet apache2 || warn "Apache is not started at boot: after a reboot no site answers here (systemctl enable apache2)"
}

cleanup() {
  cleanup_trial
  rm -rf "$run"/certificates{,.tar}
  [[ ! -e $root/.certificates ]] || sweep_certificates || true
}

serves() { systemctl is-active --quiet apache2; }

is_live() {
  [[ -e $vhosts && -z $(missing_roots "$1") && ! $(https_drift "$1") ]] && render "$1" | cmp -s - "$vhosts" && systemctl is-active --quiet apache2
}

https_drift() { ! has_https "$1" || certificates_drift "$1"; }

missing_roots() {
  local folder
  roots "$1" | while read -r folder; do [[ -d $folder ]] || say "$folder"; done
}

settle() { note_trial; }

activate() {
  local dir=$1 missing before
  before=$(checksum_of "$vhosts")
  if [[ $dir ]]; then
    missing=$(missing_roots "$dir")
    if [[ $missing ]]; then
      say "$missing" >>"$state/made-roots"
      make_roots <<<"$missing"
    fi
    render "$dir" | install_file "$vhosts" 600
    note_checksum "$dir"
  elif [[ -e $vhosts ]]; then
    delete "$vhosts"
  else
    return 0
  fi
  # Apache does not reload what it has already read: others may have changed their files since.
  if [[ $doubted || $before != "$(checksum_of "$vhosts")" || -e ${unread:-} ]] || ! systemctl is-active --quiet apache2; then
    reload "$dir"
    rm -f "${unread:-}"
  fi
  # After a removal nothing else would do it.
  [[ $dir || ! -e $root/.certificates ]] || sweep_certificates "$state"
  # A document root that we made and that is still empty goes with its site.
  [[ ! -e $state/made-roots ]] ||
    comm -23 <(sort -u "$state/made-roots") <([[ -z $dir ]] || roots "$dir") |
    while read -r folder; do
      [[ ! -d $folder ]] || remove_root "$folder"
    done
}

# Apache sees the new file name at its next reload; the text is the same.
carry_role() {
  if [[ -e $(vhosts_of "$1") ]]; then replace "$(vhosts_of "$1")" "$(vhosts_of "$2")"; fi
}

# Of the directives only: the first line names the stack.
checksum_of() { [[ ! -e $1 ]] || sed '/^#/d' "$1" | sha256sum; }

# reload DIR: with the bundle that is in place now; "" after a removal.
reload() {
  local pid error
  if systemctl is-active --quiet apache2; then
    # A removal was not checked beforehand. It is better to keep serving our last text than nothing.
    if [[ ! $1 ]] && error=$(trial '' | printable) && [[ $error == ended* || $error == reload* ]]; then
      error=${error#*$'\t'}
      warn "Apache was not reloaded, because that would stop it: ${error% } - it keeps loopback-ha's virtual hosts until that is fixed and Apache is reloaded"
      return
    fi
    # Like "systemctl reload", which would read the configuration once more: that takes long with thousands of VIPs.
    # A unit without a main process has PID 0, which kill takes for our own process group.
    if apache2ctl configtest 2>/dev/null && pid=$(systemctl show --property MainPID --value apache2) && ((pid > 1)) && kill -USR1 "$pid"; then return; fi
  else
    # It may have reached its start limit.
    systemctl reset-failed apache2 2>/dev/null || true
    if systemctl start apache2 2>/dev/null; then return; fi
  fi
  error=$(config_error || true)
  [[ ! $error ]] || fail "Apache rejects its configuration: $error$(down_now)"
  fail "Apache did not load its configuration: $(config_trouble)(see: journalctl -u apache2, /var/log/apache2/error.log)$(down_now)"
}
# What is lost, and what to do next.
down_now() {
  systemctl is-active --quiet apache2 || printf '. Apache is not running on %s now, and cannot start with its current configuration, whether with the previous files of loopback-ha or the new ones. Set this server down, so that others take over its traffic (loopback-ha down %s; they refuse this change then, untouched, until the problem is fixed there, too), correct that here, then systemctl start apache2' "$machine" "$machine"
}

verify() {
  local touched asked answers answered bad code=0
  touched=$({ touched_sites "$1"; ! has_https "$1" || touched_https "$1"; } | awk '!seen[$0]++')
  [[ $touched ]] || return 0
  asked=$(questions "$1" <(say "$touched"); ! has_https "$1" || tls_questions "$1" <(say "$touched"))
  [[ $asked ]] || return 0
  answers=$(say "$asked" | perl "$scripts/probe.pl" --deadline 15) || code=$?
  bad=$(awk -F '\t' '$1 == "fail" { print "site " $3 " does not answer on " $2 ": " $4; exit }' <<<"$answers")
  if [[ $bad ]]; then
    systemctl is-active --quiet apache2 || fail "Apache stopped when it read the new configuration: $(last_words)($bad)"
    fail "$bad"
  fi
  # A prober that died has said nothing.
  answered=$(awk '/^ok/ { count++ } END { print count + 0 }' <<<"$answers")
  asked=$(wc -l <<<"$asked")
  if ((code || answered != asked)); then
    fail "the check of whether the sites answer ended early (exit code $code, $answered of $asked answers)"
  fi
  ! has_https "$1" || check_shown "$1" <(say "$touched")
}

report() {
  say "$machine: serves $(awk '{ sum += split($3, vip, ",") } END { print sum + 0 }' "$1/want/sites") pairs of site and VIP"
}

drift() {
  if [[ ! -e $vhosts ]]; then
    say "- $vhosts"
  elif ! is_as_made; then
    edited_vhosts "$1"
  fi
  https_drift "$1"
  missing_roots "$1" | sed 's/^/- document root /'
  systemctl is-active --quiet apache2 || printf '%s\n' '- Apache running' '+ Apache not running'
}

# Names of other virtual hosts, which a site's may hide.
sights() { foreign_config | configured | foreign_names | sed 's/^/foreign\t/' || true; }

# edited_vhosts DIR: what differs in our virtual hosts, without anything secret.
edited_vhosts() {
  local token
  token=$(awk '$1 == "<Location" { gsub(/[">]|.*\//, "", $2); print $2; exit }' "$1/want/private/vhost.conf")
  diff -a -U0 -F '^# site ' <(render "$1") "$vhosts" | TOKEN=$token awk_file editedVhosts part=1 "$(directives_of "$1")" part=2 - || true
}
