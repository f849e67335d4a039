#!/bin/bash
# What follows a move of the guard and can wait for a moment. guard.pl runs it:
#   guardSettle.sh move    started early, because clients wait for it; it begins when a line comes on stdin: GENERATION TAB FOLDER TAB
#                          WORDS (the generation that the move began, its folder of the plan, a line for the history). Before that
#                          "suspect TAB FOLDER" may come: that move may follow within some rounds
#   guardSettle.sh begin   when the guard starts, because an earlier one may have been killed in a move
# shellcheck source-path=SCRIPTDIR source=../../../host/machine/lib.sh
. "$(dirname "${BASH_SOURCE[0]}")/lib.sh"
# Set by role.sh.
: "${guard_folder?}" "${pins_listed?}"
trap '' HUP INT TERM PIPE
generation='' plan='' words='' suspect='' found=''
if [[ $1 == move ]]; then
  IFS=$'\t' read -r generation plan words || exit 0
  if [[ $generation == suspect ]]; then
    suspect=$plan
    # A busy router takes its time for that.
    found=$(gone_flows "$suspect" "$(setting "$suspect" mark_mask)" "$(gone_marks "$suspect")") || found=''
    IFS=$'\t' read -r generation plan words || exit 0
  fi
fi

if [[ $plan ]]; then
  # Clients first. tell_clients closes the router's lock, which this does not have.
  exec {lock}</dev/null
  if [[ $found && $plan == "$suspect" ]]; then perl "$scripts/tickle.pl" <<<"$found" || true; fi
  tell_clients "$plan"
  exec {lock}>&-
  lock=''
fi

# What must survive a boot. Subshells outside of a condition, so that set -e holds in them.
settle_files() {
  lock_tables
  adapt_files "$bundle"
  read -r found _ 2>/dev/null <"$guard_folder/generation" || found=''
  if [[ $plan && $found == "$generation" && -e $plan.done ]]; then list_pins >"$pins_listed"; fi
  if [[ ! $found ]]; then begin_generation "$bundle"; fi
  unlock_tables
  save_holds
}
failed=''
try_to_settle() {
  set +e
  (
    set -e
    settle_files
  )
  failed=$?
  set -e
}
try_to_settle
# A disk that is full, or read-only after an error, must hold up nothing else.
((!failed)) || warn "the guard's holds can't be saved in $state (see above), so after a reboot prefixes would go to a dead server again. It is tried again every 5 s, for an hour"
[[ ! $words ]] || note_in_history "$words"
# shellcheck source-path=SCRIPTDIR source=guardHooks.sh
[[ ! $plan ]] || (. "$scripts/guardHooks.sh" && run_hooks "$plan/moves" "$words") || true
# Completes a move in which a guard was killed. During a run, the supervisor does that later.
[[ $plan ]] || bash "$scripts/restore.sh" --once || true
((failed)) || exit 0
for ((attempt = 0; attempt < 720; attempt++)); do
  pause 5
  try_to_settle 2>/dev/null
  if ((!failed)); then
    warn "the guard's holds are saved now"
    exit 0
  fi
done
