# shellcheck shell=bash
# Programs of this router's administrator that are run after a move of the guard. They run one after the other, in the background, with
# a time limit, after all that the move needs.
: "${machine?}" "${stack?}"
hooks_folder=/etc/loopback-ha/guard-hooks.d
readonly hook_seconds=10 hook_prefixes=100

# only_root_writes PATH: the path itself, not what a link leads to.
only_root_writes() {
  local owner mode
  read -r owner mode < <(stat -c '%u %a' -- "$1" 2>/dev/null) && ((owner == 0 && (8#$mode & 8#022) == 0))
}

# hooks: their paths, one a line; says which are not run, and why.
hooks() {
  local folder hook
  [[ -d $hooks_folder ]] || return 0
  for folder in "${hooks_folder%/*}" "$hooks_folder"; do
    if ! only_root_writes "$folder" || [[ -L $folder ]]; then
      say "$machine: the guard runs no hooks, because not only root may write in $folder" >&2
      return 0
    fi
  done
  for hook in "$hooks_folder"/*; do
    # Not what editors and packages leave behind.
    [[ ${hook##*/} =~ ^[A-Za-z0-9_-]+(\.(sh|pl|py))?$ && -f $hook && -x $hook ]] || continue
    if [[ -L $hook ]] || ! only_root_writes "$hook"; then
      say "$machine: the guard does not run $hook, because it is a link, or not only root may write it" >&2
    else
      say "$hook"
    fi
  done
}

# run_hooks MOVES WORDS: MOVES is a file with lines PREFIX SERVER NEXT-HOP FORMER, WORDS the line of the history.
run_hooks() {
  local words=$2 hook result found lines from to prefixes time
  found=$(hooks)
  [[ $found ]] || return 0
  # That file may be gone before the last hook runs.
  lines=$(awk '{ print $1, $4, $2 }' "$1")
  prefixes=$(head -n "$hook_prefixes" <<<"$lines" | words_of 1) from=$(words_of 2 <<<"$lines") to=$(words_of 3 <<<"$lines")
  time=$(TZ=UTC printf '%(%FT%TZ)T' -1)
  while read -r hook; do
    result=0
    (
      trap - HUP INT TERM PIPE
      LOOPBACK_HA_EVENT=guard-moved LOOPBACK_HA_STACK=$stack LOOPBACK_HA_MACHINE=$machine LOOPBACK_HA_TIME=$time \
        LOOPBACK_HA_TEXT="$machine: $words" LOOPBACK_HA_REASON=${words#* because } LOOPBACK_HA_SERVERS=$from \
        LOOPBACK_HA_FROM=$from LOOPBACK_HA_TO=$to LOOPBACK_HA_PREFIXES=$prefixes \
        command timeout -k 1 "$hook_seconds" "$hook" <<<"$lines"
    ) || result=$?
    case $result in
      0) ;;
      124 | 137) say "$machine: the guard's hook $hook took longer than $hook_seconds s and was ended" >&2 ;;
      *) say "$machine: the guard's hook $hook failed (exit code $result)" >&2 ;;
    esac
  done <<<"$found"
}
# words_of COLUMN <LINES: each once, in one line.
words_of() { awk -v column="$1" '!seen[$column]++ { printf "%s%s", separator, $column; separator = " " }'; }
