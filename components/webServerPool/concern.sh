# shellcheck shell=bash disable=SC2154
# Apache vhosts of one pool: want/private/sites/*.conf, in force through one include. A site's document root, its
# names and its health path are read out of its file, so there is one place that says them.
readonly include=/etc/apache2/sites-enabled/loopback-ha.$instance.conf
readonly health=$state/health
# shellcheck source-path=SCRIPTDIR source=roots.sh
. "$scripts/roots.sh"

# sites DIR WHAT: "roots" prints document roots, "names" NAME ADDRESS lines, "checks" what must answer.
sites() {
  find "$1/want/private/sites" -name 'site-*.conf' -exec awk -v what="$2" -v machine="$machine" '
    FNR == 1 { site = FILENAME; sub(/.*\/site-/, "", site); sub(/\.conf$/, "", site) }
    $1 == "<VirtualHost" { count = NF - 1; for (i = 2; i <= NF; i++) { address[i - 1] = $i; sub(/:80>?$/, "", address[i - 1]) } }
    $1 == "DocumentRoot" && what == "roots" { sub(/^[^"]*"/, ""); sub(/"$/, ""); print }
    $1 == "ServerName" { name = $2 }
    $1 ~ /^Server(Name|Alias)$/ && what == "names" && $2 !~ /[.]invalid$/ {
      for (i = 1; i <= count; i++) print $2, address[i]
    }
    $1 == "Alias" && what == "checks" {
      gsub(/"/, "", $2)
      for (i = 1; i <= count; i++) {
        printf "http\t%s\t80\t%s\t%s\t200\t%s %s\t%s\n", address[i], name, $2, machine, site, site
        printf "http\t%s\t80\tunknown.loopback-ha.invalid\t/\t421\t-\t%s (unknown name)\n", address[i], site
      }
    }' {} +
}

# The first complaint of Apache's own config test, empty when there is none.
config_error() { apache2ctl configtest 2>&1 | grep -v -e '^Syntax OK' -e '^AH00558' -e '^Action ' | head -n 3 | tr '\n' ' '; }

check() {
  need apache2 apache2ctl perl ss systemctl
  local holder module error
  if apache2ctl configtest >/dev/null 2>&1; then
    for module in alias_module authz_core_module setenvif_module; do
      apache2ctl -M 2>/dev/null | grep -q "^ $module " || fail "Apache lacks $module; nothing was changed. Enable it: a2enmod ${module%_module}"
    done
  else
    # What is wrong with our own files, this run mends.
    error=$(config_error || true)
    [[ $error == *"$state/"* || $error == *"$include"* ]] ||
      fail "Apache's configuration is broken already, before our change: $error- nothing was changed. Mend it, then run 'pulumi up' again"
  fi
  holder=$(ss -Hltnp 'sport = :80' | grep -v '"apache2"' | grep -o '"[^"]*",pid=[0-9]*' | head -n 1 || true)
  [[ -z $holder ]] || fail "port 80 is held by another program ($holder); nothing was changed. Stop it or move it to another port"
  if ! grep -qrE '^[[:space:]]*Listen[[:space:]]+((0\.0\.0\.0|\*):)?80([[:space:]]|$)' /etc/apache2/ports.conf /etc/apache2/conf-enabled /etc/apache2/apache2.conf 2>/dev/null; then
    fail "Apache does not listen on port 80 of all addresses; nothing was changed. Put 'Listen 80' into /etc/apache2/ports.conf"
  fi
  systemctl is-enabled --quiet apache2 || warn "Apache is not started at boot: after a reboot no site answers here (systemctl enable apache2)"
}

include_text() {
  say "# Vhosts of stack $stack, one file a site. Written by pulumi up; changes belong in its config."
  say "IncludeOptional $state/current/want/private/sites/*.conf"
}

is_live() {
  [[ -e $include && $(include_text) == "$(<"$include")" && -z $(missing_roots "$1") ]] && systemctl is-active --quiet apache2
}

missing_roots() {
  local folder
  sites "$1" roots | while read -r folder; do [[ -d $folder ]] || say "$folder"; done
}

activate() {
  local dir=$1 folder answer
  if [[ $dir ]]; then
    mkdir -p "$health"
    find "$dir/want/private/sites" -name 'site-*.conf' -printf '%f\n' | sed 's/^site-//; s/\.conf$//' |
      while read -r site; do say "$machine $site" | install_file "$health/$site" 644; done
    missing_roots "$dir" | while read -r folder; do
      say "$folder" >>"$state/made-roots"
      make_root "$folder"
    done
    include_text | install_file "$include" 644
    sites "$dir" names | sort | install_file "$state/names" 644
  elif [[ -e $include ]]; then
    rm -f "$include"
  else
    return 0
  fi
  reload
  [[ ! $dir ]] || for answer in "$health"/*; do
    [[ -e $dir/want/private/sites/site-${answer##*/}.conf ]] || rm -f "$answer"
  done
  # A root that we made and nobody filled goes with its site.
  [[ ! -e $state/made-roots ]] ||
    comm -23 <(sort -u "$state/made-roots") <([[ -z $dir ]] || sites "$dir" roots | sort -u) |
    while read -r folder; do
      [[ ! -d $folder ]] || remove_root "$folder"
    done
}

reload() {
  if ! apache2ctl configtest >/dev/null 2>&1; then fail "Apache refuses the new configuration: $(config_error)"; fi
  if systemctl is-active --quiet apache2; then
    systemctl reload apache2 || fail "Apache did not reload; see: journalctl -u apache2"
  else
    systemctl start apache2 || fail "Apache did not start; see: journalctl -u apache2"
  fi
}

verify() {
  local bad
  bad=$(sites "$1" checks | perl "$scripts/probe.pl" --deadline 15 | grep '^fail' | head -n 1 || true)
  [[ -z $bad ]] || fail "$(awk -F '\t' '{ print "site " $3 " does not answer on " $2 ": " $4 }' <<<"$bad")"
}

report() {
  local answers
  answers=$(sites "$1" checks | awk '$6 == 200' | wc -l)
  say "$machine: $answers pairs of site and VIP answer"
}

drift() {
  local folder file answer
  if [[ ! -e $include ]]; then
    say "- $include"
  elif [[ $(include_text) != "$(<"$include")" ]]; then
    say "- include in $include: $(include_text | tail -n 1)"
    grep -vxF -f <(include_text) "$include" | sed "s|^|+ include in $include: |" || true
  fi
  missing_roots "$1" | while read -r folder; do say "- document root $folder"; done
  for file in "$1"/want/private/sites/site-*.conf; do
    [[ -e $file ]] || continue
    file=${file##*/site-} file=${file%.conf} answer=''
    [[ ! -e $health/$file ]] || read -r answer <"$health/$file" || true
    [[ $answer == "$machine $file" ]] || say "- health answer of site $file"
  done
  systemctl is-active --quiet apache2 || printf '%s\n' '- Apache running' '+ Apache not running'
}
