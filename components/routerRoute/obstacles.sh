# shellcheck shell=bash
: "${bundle?}" "${state?}"
# What a run moves, and which of the things in the way stop it.

# "PREFIX via HOP" of what moves and of what the run affects, and lines of want/routes, as it was, of the latter.
moves='' affected='' left=''
routes_left() { say "$left"; }

# What moves: the kernel has it otherwise. What is wrong in a prefix that keeps its next hop was so before, and must not keep
# the others on a server that is dead: then the run affects these alone.
note_moves() {
  local former=''
  [[ ! -e $state/current/want/routes ]] || former=$(<"$state/current/want/routes")
  moves=$(comm -13 <(live_items) <(wanted_routes "$bundle" | grep -v '^unreachable' | sort))
  affected=$(awk 'FILENAME != "-" { former[$1] = $3; next } NF && former[$1] != $3' <(say "$former") - <<<"$moves")
  affected=${affected:-$moves}
  left=$(awk 'FILENAME != "-" { affected[$1]; next } NF && ($1 in affected)' <(say "$affected") - <<<"$former")
}
# of_affected FIELD <LINES: those whose prefix, in that field, the run affects; all of them where nothing moves.
of_affected() { awk -v field="$1" 'FILENAME != "-" { if (NF) any = affected[$1] = 1; next } NF && (!any || ($field in affected))' <(say "$affected") -; }
# fail_or_warn FIELD SENTENCE LINES [UNTOUCHED]: what is wrong, a prefix in that field. SENTENCE LINE UNTOUCHED says it. Fails for
# the first that the run affects; else the first is a warning. Of several checks that see the same, one warns.
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
