# shellcheck shell=bash
# A site's own health: the page that visitors get. The health path is answered from Apache's configuration, even where a document root is
# empty or not mounted, or an application fails. So the router compares each site's page on the new server with that on the present one.
# This takes 20 s at most: 5 for each of the two, then for worse sites three times 2 on the new one, a second apart, and 2 on the present.
: "${bundle?}" "${moves?}" "${checks?}" "${check_from?}"
readonly site_seconds=3 sites_at_once=16 sites_within=5 sites_again_within=2
# probe.pl's own TLS takes the router's processor time: of more https sites than this, a sample is asked.
readonly most_by_https=100

# site_questions ANSWERED: a question for each site that moves away from a server that is up; with the file ANSWERED (SITE TAB STATUS ...)
# only for its sites. In random order when there are more than there is time for.
site_questions() {
  {
    say "$moves" | sed 's/^/move /'
    live_items | sed 's/^/live /'
    [[ ! -e $bundle/want/servers ]] || awk '{ print "server", $1, $2, $3 }' "$bundle/want/servers"
    [[ ! $1 ]] || awk -F '\t' '{ print "answered", $1 }' "$1"
    vip_checks "$bundle" | awk '$3 == "http" { print "site", $0 }'
  } | awk_file siteQuestions -v only="$1" | in_other_turns
}
in_other_turns() {
  local questions
  questions=$(cat)
  [[ $questions ]] || return 0
  if (($(wc -l <<<"$questions") > most_by_https)); then shuf <<<"$questions"; else say "$questions"; fi
}
# site_statuses <ANSWERS of probe.pl: SITE TAB STATUS TAB CERTIFICATE TAB BEGINS TAB NAMED of those with a status.
site_statuses() { awk -F '\t' -v OFS='\t' '{ split($3, word, " ") } $5 ~ /^status / { print word[1], substr($5, 8), $7, $8, $9 }'; }
# ask_pages SECONDS <QUESTIONS: many at once are split among this router's processors, as TLS is what takes the time.
ask_pages() {
  local questions parts part pids=() folder=$checks/parts
  mapfile -t questions
  ((${#questions[@]} > 0)) || return 0
  if ((${#questions[@]} <= 64)); then
    printf '%s\n' "${questions[@]}" | ask_pages_at_once "$1" "$sites_at_once"
    return
  fi
  parts=$(nproc 2>/dev/null || say 1)
  ((parts <= 4)) || parts=4
  rm -rf "$folder"
  mkdir "$folder"
  printf '%s\n' "${questions[@]}" | split -n "r/$parts" - "$folder/part."
  for part in "$folder"/part.*; do
    ask_pages_at_once "$1" "$((sites_at_once / parts))" <"$part" >"$part-said" &
    pids+=("$!")
  done
  wait "${pids[@]}" || true
  cat "$folder"/part.*-said
}
# ask_pages_at_once SECONDS COUNT <QUESTIONS
ask_pages_at_once() { ask "$check_from" --deadline 0 --within "$1" --timeout "$site_seconds" --parallel "$2" || true; }

# What the present servers answer: before begin_check_path.
note_present_sites() {
  [[ ! ${LOOPBACK_HA_FORCE_MOVE:-} ]] || return 0
  site_questions '' >"$checks/sites"
  [[ -s $checks/sites ]] || return 0
  awk -v most="$most_by_https" '!/^https\t/ || ++count <= most' "$checks/sites" | ask_pages "$sites_within" >"$checks/sites-asked"
  site_statuses <"$checks/sites-asked" >"$checks/sites-now"
}

# worse_sites ANSWERS: "VIP TAB SITE TAB SERVER TAB PRESENT TAB NOW TAB THERE" of sites that do worse on the new server, the last two in
# words. A site that fails now can't do worse. A redirect in place of a page, or the reverse, is another site. A newer certificate may be a
# renewal that the present server does not have yet.
worse_sites() { awk_file worseSites "$checks/sites-now" "$1"; }

# Between begin_check_path and end_check_path.
compare_sites() {
  local vip site server present now words worse tries
  [[ -e $checks/sites-now ]] || return 0
  cp "$checks/sites" "$checks/sites-before"
  if [[ -s $checks/sites-now ]]; then site_questions "$checks/sites-now"; fi >"$checks/sites"
  ask_pages "$sites_within" <"$checks/sites" >"$checks/answers"
  warn_of_sample
  worse=$(worse_sites "$checks/answers")
  # A first page may be slow, and this run may be about to repair that server.
  for tries in 1 2 3; do
    [[ $worse ]] || return 0
    ((tries == 1)) || sleep 1
    cut -f 2 <<<"$worse" >"$checks/again"
    site_questions "$checks/again" | ask_pages "$sites_again_within" >"$checks/answers"
    # For sites that there was no time for, the former result stays.
    worse=$(
      worse_sites "$checks/answers"
      awk -F '\t' 'FILENAME != "-" { if ($5 == "unasked") { split($3, word, " "); unasked[word[1]] } next } $2 in unasked' "$checks/answers" - <<<"$worse"
    )
  done
  worse=$(without_despised "$worse")
  [[ ! $worse ]] || worse=$(confirmed_now "$worse")
  [[ $worse ]] || return 0
  cut -f 1 <<<"$worse" | prefixes_of | note_unmoved
  IFS=$'\t' read -r vip site server present now words <<<"$worse"
  fail "site $site answers with $words on $server ($vip), but with $now on $present, which has it now$(more_sites "$worse"); nothing was moved. Check its document root, application and certificate there; if $server is right as it is: LOOPBACK_HA_DESPITE_SITES=$(cut -f 2 <<<"$worse" | head -n 20 | paste -sd ,) for one run, which is --despite-sites in loopback-ha"
}
# without_despised WORSE: the sites that LOOPBACK_HA_DESPITE_SITES does not name; warns of the others.
without_despised() {
  local vip site server present now words
  while IFS=$'\t' read -r vip site server present now words; do
    if [[ ! $site ]]; then
      continue
    elif [[ ,${LOOPBACK_HA_DESPITE_SITES:-}, == *,"$site",* ]]; then
      warn "LOOPBACK_HA_DESPITE_SITES: moved although site $site answers with $words on $server ($vip), but with $now on $present"
    else
      printf '%s\t%s\t%s\t%s\t%s\t%s\n' "$vip" "$site" "$server" "$present" "$now" "$words"
    fi
  done <<<"$1"
}
# confirmed_now WORSE: asks the present server once more, and keeps the sites for which it is still a valid reference. It may have got the
# site only in this run, or not at all because its Apache rejected it; then its page was another site's. For what its health path answers
# then, see `enough`.
confirmed_now() {
  end_check_path
  say "$1" >"$checks/worse"
  vip_checks "$bundle" | awk_file presentQuestions "$checks/worse" - |
    { ask "$check_from" --deadline 0 --within "$sites_again_within" >"$checks/present" || true; } &
  cut -f 2 "$checks/worse" >"$checks/again"
  site_questions "$checks/again" | ask_pages "$sites_again_within" | site_statuses >"$checks/sites-now"
  wait "$!"
  awk_file stillWorse "$checks/present" "$checks/sites-now" "$checks/worse"
}
# Says how many sites were compared: there may not be time for all, and a prober that was killed leaves the rest unasked.
warn_of_sample() {
  local all unasked
  all=$(wc -l <"$checks/sites-before")
  unasked=$((all + $(wc -l <"$checks/sites") - $(cat "$checks/sites-asked" "$checks/answers" | grep -cv $'\tunasked\t' || true)))
  ((unasked == 0)) || warn "$((all - unasked)) of $all sites' own pages were compared, as time allows at most $most_by_https by https, and only those whose TLS this router can check; each run compares others"
}
more_sites() {
  local count
  count=$(wc -l <<<"$1")
  ((count == 1)) || printf ', and %s more sites are worse there' "$((count - 1))"
}
