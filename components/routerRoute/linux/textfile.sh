# shellcheck shell=bash
# For node_exporter: what this router does, in a file of the folder that the config names (want/settings: textfile). The supervisor has
# it written every 15 s, by a process of its own: a file system that hangs must not keep it from restoring routes.
#   $state/textfile        where the file is: the next version, or a removal, deletes it there
#   $state/textfile-moves  how many moves of the guard are counted, and the last line of its history that is
: "${state?}" "${run?}" "${instance?}" "${machine?}" "${bundle?}" "${held_now?}" "${guard_history?}" "${guard_unit?}"
readonly textfile_place=$state/textfile textfile_moves=$state/textfile-moves textfile_trouble=$run/textfile.$instance.trouble
textfile_due=0 textfile_writer=''

check_textfile() {
  local folder
  folder=$(setting "$bundle" textfile)
  [[ ! $folder || -d $folder ]] ||
    fail "routers.$machine.textfile: there is no folder $folder on this router; nothing was changed. Install prometheus-node-exporter, or remove the key"
}

# tell_textfile: the supervisor calls it each second. It starts a process only when one is due, and none beside one that hangs.
tell_textfile() {
  ((SECONDS >= textfile_due)) || return 0
  textfile_due=$((SECONDS + 15))
  if [[ $textfile_writer ]] && kill -0 "$textfile_writer" 2>/dev/null; then return 0; fi
  if [[ ! $(setting "$bundle" textfile) && ! -e $textfile_place ]]; then
    # What a version wants never changes.
    textfile_due=$((SECONDS + 86400))
    return 0
  fi
  write_textfile &
  textfile_writer=$!
}

write_textfile() {
  local folder file trouble
  trap - ERR
  set +e
  folder=$(setting "$bundle" textfile)
  file=${folder:+$folder/loopback-ha.$instance.prom}
  if [[ -e $textfile_place && $(<"$textfile_place") != "$file" ]]; then delete_textfile; fi
  [[ $file ]] || return 0
  [[ -e $textfile_place ]] || say "$file" >"$textfile_place"
  if trouble=$(textfile_text | put_textfile "$file" 2>&1); then
    rm -f "$textfile_trouble"
  elif [[ ! -e $textfile_trouble ]]; then
    : >"$textfile_trouble"
    warn "the file for node_exporter can't be written (${trouble:-its text can\'t be made}); routes are not affected. This is reported once"
  fi
}

# Another user may own the folder, so nothing there is followed. node_exporter reads the old or the new file, whole, as any user.
put_textfile() {
  perl -e '
    use strict; use warnings; use Fcntl;
    my ($file) = @ARGV;
    my $new = "$file.loopback-ha-new";
    my $text = do { local $/; <STDIN> } || exit 1;
    unlink $new;
    sysopen my $out, $new, O_WRONLY | O_CREAT | O_EXCL, 0644 or die "$new: $!\n";
    print {$out} $text and close $out and rename $new, $file or die "$file: $!\n";' "$1"
}

textfile_text() {
  local guard='' files=(part=servers "$bundle/want/servers" part=routes "$bundle/want/routes")
  if guards "$bundle"; then
    guard=0
    ! systemctl is-active --quiet "$guard_unit" || guard=1
    [[ ! -s $held_now ]] || files+=(part=held "$held_now")
    count_moves
  fi
  live_routes | awk_file textfile -v now="$EPOCHSECONDS" -v repairs="${repairs:-0}" -v guard="$guard" -v moves="${moves_counted:-0}" "${files[@]}" part=live -
}

# count_moves: sets "moves_counted". The history is cut now and then, and a counter must only grow.
count_moves() {
  local count=0 last='' result
  if [[ -e $textfile_moves ]]; then { IFS= read -r count; IFS= read -r last; } <"$textfile_moves"; fi
  [[ $count =~ ^[0-9]+$ ]] || count=0
  result=$(last=$last awk -v count="$count" '
    $0 == ENVIRON["last"] { fresh = 0; next }
    / the guard moved / { fresh++; latest = $0 }
    END { print count + fresh; print fresh ? latest : ENVIRON["last"] }' "$guard_history" 2>/dev/null) || result="$count"$'\n'"$last"
  moves_counted=${result%%$'\n'*}
  [[ $result == "$count"$'\n'"$last" ]] || { say "$result" >"$textfile_moves.new" && mv -f "$textfile_moves.new" "$textfile_moves"; }
}

delete_textfile() {
  local file
  file=$(<"$textfile_place")
  rm -f "$file" "$file.loopback-ha-new" "$textfile_place" "$textfile_trouble"
}
# After the supervisor has ended.
remove_textfile() { if [[ -e $textfile_place ]]; then delete_textfile; fi; }
