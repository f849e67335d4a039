# shellcheck shell=bash
# Certificates of this server's sites.
#   want/certificates   SITE expires DAY issued DAY certificate SHA256 key SHA256
#   want/https          SITE MINIMUM redirect|plain HSTS-SECONDS
#   want/private/ticket the key of session tickets, in base64
# The store's files are named by their content: a change puts new ones beside the old ones, a rollback needs none, and a stack
# that is renamed needs no reload. Each file is a key and its certificate with the chain.
# Set by lib.sh, apply.sh and role.sh:
: "${previous?}" "${root?}" "${run?}" "${state?}" "${vhosts?}" "${thorough?}"
readonly certificates=$root/.certificates

# https_sites DIR: sites whose certificate is on this server: SITE SHA256 MINIMUM redirect|plain HSTS-SECONDS.
https_sites() {
  local site hash rest
  awk 'FILENAME ~ /certificates$/ { hash[$1] = $7; next } $1 in hash { print $1, hash[$1], $2, $3, $4 }' "$1/want/certificates" "$1/want/https" |
    while read -r site hash rest; do
      [[ ! -e $certificates/$hash.pem ]] || say "$site $hash $rest"
    done
}

# ticket_file DIR: named by its content, as Apache reads only a new name again.
ticket_file() {
  local name
  [[ ! -e $1/want/private/ticket ]] || {
    name=$(sha256sum <"$1/want/private/ticket")
    say "$certificates/ticket-${name:0:16}.key"
  }
}

# Names of the store's files that are as we put them there.
sound() {
  [[ -e $certificates/sums ]] || return 0
  (cd "$certificates" && sha256sum --check sums 2>/dev/null | sed -n 's/: OK$//p') || true
}
# note_sums NAME...: records the checksums of these new files; of the others, only files that are still intact are kept.
note_sums() (
  cd "$certificates" || return
  {
    (($# == 0)) || sha256sum "$@"
    [[ ! -e sums ]] || sound | awk 'FILENAME == "-" { ok[$1] = 1; next } $2 in ok' - sums
  } | awk '!seen[$2]++' | install_file "$certificates/sums" 600
)

# lacking_certificates DIR: numbers of the lines of want/certificates whose files are missing, as in 1-3,17, and "unknown" when
# the certificate for unknown names is.
lacking_certificates() {
  sound | awk_file lackingCertificates - "$1/want/certificates"
}

# ask_supply WORDS: asks the operator's machine over the open connection. Its files are then in $supply.
readonly supply=$run/certificates
ask_supply() {
  local magic size checksum
  say "LOOPBACK-HA-LACKS $1" >&4
  IFS=' ' read -r -t 60 magic size checksum <&3 || true
  case ${magic:-} in
    LOOPBACK-HA-SUPPLY) ;;
    LOOPBACK-HA-STAY) exit 1 ;;
    *) fail "a question about certificates was not answered. Run 'pulumi up' again" ;;
  esac
  forget_supply
  mkdir -m 700 "$supply"
  head -c "$size" <&3 >"$supply.tar"
  [[ $(sha256sum <"$supply.tar") == "$checksum  -" ]] || fail "an answer about certificates arrived truncated"
  (umask 077 && tar -xz --no-same-owner -f "$supply.tar" -C "$supply")
}
forget_supply() { rm -rf "$supply" "$supply.tar"; }

# fetch_certificates DIR: fetches what this server lacks. A site whose certificate does not come is not served by https, unless
# another certificate of it is in force.
fetch_certificates() {
  local dir=$1 asked
  # Names of files that keep_certificates and put_ticket have put into the store.
  local new=()
  make_store
  note_unread
  asked=$(lacking_certificates "$dir")
  if [[ $asked && ${LOOPBACK_HA_TOKEN:-} ]]; then
    # A line has room for so much; then ask for all.
    ((${#asked} < 1000)) || asked="1-$(wc -l <"$dir/want/certificates") unknown"
    ask_supply "$asked"
    keep_certificates
    forget_supply
  fi
  put_ticket "$dir"
  note_sums "${new[@]}"
  warn_lacking "$dir"
}

# A file that Apache's text names was changed by someone else. Apache reads its replacement only after a reload, though the text
# stays the same.
readonly unread=$certificates/unread
note_unread() {
  [[ -e $vhosts ]] || return 0
  [[ ! $({ grep -o "$certificates/[^ \"]*" "$vhosts" || true; } | awk 'FILENAME == "-" { name[$0]; next } { delete name[store "/" $1] } END { for (one in name) print one }' store="$certificates" - <(sound)) ]] ||
    touch "$unread"
}

# check_shown DIR TOUCHED: checks those of these sites that use TLS 1.3 only. A sample, as each is asked over ssh.
check_shown() {
  local asked verdict site more
  asked=$(awk -v most=40 '
    FILENAME == ARGV[1] { number[$1] = FNR; next }
    FILENAME == ARGV[2] { if ($3 == "TLSv1.3") line[$1] = number[$1]; next }
    $1 in line && count < most { split($3, vip, ","); printf " %s@%s", line[$1], vip[++count % split($3, vip, ",") + 1] }' \
    "$1/want/certificates" <(https_sites "$1") "$2")
  [[ $asked ]] || return 0
  if [[ ! ${LOOPBACK_HA_TOKEN:-} ]]; then
    warn "the certificates of sites with TLS 1.3 only were not checked: only 'pulumi up' can do that"
    return
  fi
  ask_supply "show$asked"
  while IFS=$'\t' read -r verdict site more; do
    case $verdict in
      ok) ;;
      other) fail "site $site shows another certificate on $more" ;;
      *) warn "site $site: its certificate could not be checked by TLS 1.3 through ssh forwarding: $more" ;;
    esac
  done < <(printable <"$supply/verdicts")
  forget_supply
}
make_store() { [[ -d $certificates ]] || { mkdir -p "$root" && mkdir -m 700 "$certificates"; }; }
# Synced together: a thousand single syncs take long.
keep_certificates() {
  local file incoming=$certificates/incoming
  for file in "$supply"/*.pem; do
    [[ ! -e $file ]] || new+=("${file##*/}")
  done
  ((${#new[@]})) || return 0
  rm -rf "$incoming"
  mkdir -m 700 "$incoming"
  install -m 600 "$supply"/*.pem "$incoming"
  sync -f "$incoming"
  mv "$incoming"/*.pem "$certificates"
  rmdir "$incoming"
  sync -f "$certificates"
}
put_ticket() {
  local file
  file=$(ticket_file "$1")
  [[ $file ]] || return 0
  base64 -d <"$1/want/private/ticket" | install_file "$file" 600
  new+=("${file##*/}")
}
# A certificate that is in force is not given up for one that is unavailable.
warn_lacking() {
  local site hash served
  while read -r site _ _ _ _ _ hash _; do
    [[ ! -e $certificates/$hash.pem ]] || continue
    served=
    ! has_https "$state/current" || served=$(https_sites "$state/current" | awk -v site="$site" '$1 == site { print $2 }')
    [[ ! $served ]] ||
      fail "the certificate of site $site that this run should install is no longer in its folder; nothing was changed, and the one in force stays. Put certificate and key there (tls.folder), then run 'pulumi up' again"
    warn "site $site is served by http only here: this server does not have its certificate, nor did the computer on which 'pulumi up' ran. Run it where certificate and key are (tls.folder)"
  done <"$1/want/certificates"
}

# Our file loads the module and opens the port, unless others do.
check_https() {
  local others listens
  others=$({ foreign_config || dump_config; } | configured)
  listens=$(awk -F '\t' '$1 == "listen" && $3 == 443 { print $2 " (" $4 ")" }' <<<"$others" | printable)
  if [[ $'\n'$others$'\n' == *$'\n'module$'\t'ssl_module$'\n'* ]]; then
    grep -qE '^([*]|0[.]0[.]0[.]0|\[::\]) ' <<<"$listens" ||
      fail "Apache has ssl_module, but does not listen on port 443 of all addresses${listens:+, but of }${listens//$'\n'/, }; nothing was changed. Add 'Listen 443' to /etc/apache2/ports.conf"
  elif [[ $listens ]]; then
    fail "Apache listens on port 443 without ssl_module (${listens%%$'\n'*}); nothing was changed. Enable it (a2enmod ssl), or remove that Listen"
  else
    check_ports $'listen\t*\t443\tsites with https'
  fi
}

# Lines of want/sites whose certificate or https settings differ from the previous version.
touched_https() {
  local want=$1/want before=$state/versions/${previous:-none}/want
  { [[ ! -e $before/https ]] || cat "$before/certificates" "$before/https"; } |
    awk 'FILENAME == "-" { before[$0] = 1; next }
      FILENAME !~ /sites$/ { if (!($0 in before)) changed[$1] = 1; next }
      $1 in changed' - "$want/certificates" "$want/https" "$want/sites"
}

# tls_questions DIR SITES: for probe.pl, the certificate that each of these sites must show, and ours for unknown names.
tls_questions() {
  https_sites "$1" | awk_file tlsQuestions -v store="$certificates" -v thorough="$thorough" - "$2"
}

# sweep_certificates [BUT]: removes files that no bundle in force on this machine wants, such as those of a failed run. The
# instance's folder BUT does not count.
sweep_certificates() {
  local dir file name
  local -A wanted=()
  [[ -e $certificates ]] || return 0
  for dir in "$root"/*/current; do
    [[ -e $dir/want/https && ${dir%/current} != "${1:-}" ]] || continue
    wanted[unknown.pem]=1
    while read -r name; do wanted[$name]=1; done < <(awk '{ print $7 ".pem" }' "$dir/want/certificates")
    file=$(ticket_file "$dir")
    [[ ! $file ]] || wanted[${file##*/}]=1
  done
  for file in "$certificates"/*.pem "$certificates"/*.key; do
    [[ ! -e $file || ${wanted[${file##*/}]:-} ]] || rm -f "$file"
  done
  rm -rf "$certificates"/*.loopback-ha-new "$certificates/incoming"
  if ((${#wanted[@]})); then note_sums; else rm -rf "$certificates"; fi
  # A refused first run leaves nothing behind.
  rmdir "$root" 2>/dev/null || true
}

# certificates_drift DIR: files that are missing, or not as we put them there.
certificates_drift() {
  local ticket
  ticket=$(ticket_file "$1")
  sound | awk_file certificatesDrift -v ticket="${ticket##*/}" - "$1/want/certificates"
  [[ ! -e $unread ]] || say "- a reload of Apache since its certificates were repaired"
}
