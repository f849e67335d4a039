# shellcheck shell=bash disable=SC2154
# A site's own health: what visitors get of it. The health path answers out of Apache's configuration, also where a document
# root is empty or not mounted, or an application gives errors. Asked is whether the new server does as well as the present one.
readonly site_seconds=3 sites_at_once=16

# site_questions ANSWERED: one for each site that moves from a server that is up, in a way that no status is right: then probe.pl
# tells which one it was. With ANSWERED only those that it has (SITE TAB STATUS).
site_questions() {
  {
    say "$moves" | sed 's/^/move /'
    live_items | sed 's/^/live /'
    [[ ! -e $bundle/want/servers ]] || awk '{ print "server", $1, $2, $3 }' "$bundle/want/servers"
    [[ ! $1 ]] || awk -F '\t' '{ print "answered", $1 }' "$1"
    vip_checks "$bundle" | awk '$3 == "http" { print "site", $1, $2, $4, ($6 == "" ? "/" : $6) }'
  } | awk -v only="$1" "$prefix_functions"'
    $1 == "move" { to[$2] = $4; note($2) }
    $1 == "live" && $3 == "via" { from[$2] = $4 }
    $1 == "server" { name[$3] = $2; if ($4 == "up") up[$3] }
    $1 == "answered" { answered[$2] }
    $1 == "site" && !($3 in asked) {
      prefix = within($2 "/33")
      if (prefix == "" || !(from[prefix] in up) || from[prefix] == to[prefix] || (only && !($3 in answered))) next
      asked[$3]
      printf "http\t%s\t80\t%s\t%s\t-\t-\t%s %s %s\n", $2, $4, $5, $3, name[to[prefix]], name[from[prefix]]
    }'
}
# Of what probe.pl says, SITE TAB STATUS of those that gave one.
site_statuses() { awk -F '\t' -v OFS='\t' '{ split($3, word, " ") } $5 ~ /^status / { print word[1], substr($5, 8) }'; }
ask_sites() { ask --deadline 0 --timeout "$site_seconds" --parallel "$sites_at_once" || true; }

# What the present servers answer, before the proof's path is there.
note_present_sites() {
  [[ ! ${LOOPBACK_HA_FORCE_MOVE:-} ]] || return 0
  site_questions '' >"$proof/sites"
  [[ -s $proof/sites ]] || return 0
  ask_sites <"$proof/sites" >"$proof/sites-asked"
  site_statuses <"$proof/sites-asked" >"$proof/sites-now"
}

# worse_sites ANSWERS: "VIP TAB SITE TAB SERVER TAB PRESENT TAB STATUS-NOW TAB WORDS" of sites that do worse on the new server. What
# is no good now can't do worse; another redirect, or a page in place of one, is another site.
worse_sites() {
  awk -F '\t' -v OFS='\t' '
    FILENAME == ARGV[1] { now[$1] = $2; next }
    $5 == "unasked" { next }
    {
      split($3, word, " ")
      if (!(word[1] in now) || substr(now[word[1]], 1, 1) > 3) next
      status = $5 ~ /^status / ? substr($5, 8) : ""
      if (substr(status, 1, 1) != substr(now[word[1]], 1, 1)) print $2, word[1], word[2], word[3], now[word[1]], status == "" ? "nothing in time" : "status " status
    }' "$proof/sites-now" "$1"
}

# While the proof's path is there.
compare_sites() {
  local vip site server present now words worse
  [[ -s ${proof:-}/sites-now ]] || return 0
  site_questions "$proof/sites-now" >"$proof/sites"
  ask_sites <"$proof/sites" >"$proof/answers"
  tell_sample
  worse=$(worse_sites "$proof/answers")
  if [[ $worse ]]; then
    # Once more: a first page may take its time.
    cut -f 2 <<<"$worse" >"$proof/again"
    site_questions "$proof/again" | ask_sites >"$proof/answers"
    worse=$(worse_sites "$proof/answers")
  fi
  [[ $worse ]] || return 0
  cut -f 1 <<<"$worse" | prefixes_of | note_unmoved
  IFS=$'\t' read -r vip site server present now words <<<"$worse"
  fail "site $site answers with $words on $server ($vip), and with status $now on $present, which has it now$(more_sites "$worse"); nothing was moved. Look there at what it needs, such as its document root or its application; if $server is right so: LOOPBACK_HA_FORCE_MOVE=1 for one run"
}
# Pages may take longer than there is time for all of them.
tell_sample() {
  local unasked
  unasked=$(cat "$proof/sites-asked" "$proof/answers" | grep -c $'\tunasked\t' || true)
  ((unasked == 0)) || warn "of $(wc -l <"$proof/sites-asked") sites' own pages $(($(wc -l <"$proof/sites-asked") - unasked)) were compared in the time there is for that"
}
more_sites() {
  local count
  count=$(wc -l <<<"$1")
  ((count == 1)) || printf ', and %s more do worse there' "$((count - 1))"
}
