# shellcheck shell=bash
# What a run moves, and which obstacles stop it.
: "${bundle?}" "${state?}"

# "PREFIX via HOP" of what moves and of what the run affects, and lines of want/routes, as it was, of the latter.
moves='' affected='' left=''
routes_left() { say "$left"; }

# What moves is what the kernel has differently. A fault in a prefix that keeps its next hop was there before the run, and must not keep
# the other prefixes on a dead server: the run affects only the prefixes whose next hop changes.
note_moves() {
  local former=''
  [[ ! -e $state/current/want/routes ]] || former=$(<"$state/current/want/routes")
  moves=$(comm -13 <(live_items) <(wanted_routes "$bundle" | grep -v '^unreachable' | sort))
  affected=$(awk 'FILENAME != "-" { former[$1] = $3; next } NF && former[$1] != $3' <(say "$former") - <<<"$moves")
  affected=${affected:-$moves}
  left=$(awk 'FILENAME != "-" { affected[$1]; next } NF && ($1 in affected)' <(say "$affected") - <<<"$former")
}
# of_affected FIELD <LINES: those whose prefix, in that field, the run affects; all of them when nothing moves.
of_affected() { awk -v field="$1" 'FILENAME != "-" { if (NF) any = affected[$1] = 1; next } NF && (!any || ($field in affected))' <(say "$affected") -; }
# fail_or_warn FIELD SENTENCE LINES [UNTOUCHED]: LINES are faults, with their prefix in that field; the function SENTENCE makes the message
# of one, given LINE and UNTOUCHED. Fails for the first fault in a prefix that the run affects, else warns of the first one, once a prefix.
warned=' '
fail_or_warn() {
  local line prefix
  line=$(of_affected "$1" <<<"$3")
  line=${line%%$'\n'*}
  [[ ! $line ]] || fail "$("$2" "$line" "${4:-}")"
  line=${3%%$'\n'*}
  prefix=$(cut -d ' ' -f "$1" <<<"$line")
  [[ $line && $warned != *" $prefix "* ]] || return 0
  warned+="$prefix "
  warn "$("$2" "$line" '')"
}
