#!/bin/bash
# After a move of the guard, what need not be in force at once, by guard.pl:
#   guardSettle.sh move    once a line comes on stdin: GENERATION TAB FOLDER TAB WORDS. GENERATION is the one that its move has begun,
#                          FOLDER the part of the plan, WORDS are for the history. It is started before, as clients wait for it
#   guardSettle.sh begin   after the guard's start, which may be after its death in the middle of a move
# shellcheck source-path=SCRIPTDIR source=../../host/machine/lib.sh
. "$(dirname "${BASH_SOURCE[0]}")/lib.sh"
# What role.sh brings.
: "${guard_folder?}" "${pins_listed?}"
trap '' HUP INT TERM PIPE
generation='' plan='' words=''
if [[ $1 == move ]]; then IFS=$'\t' read -r generation plan words || exit 0; fi

if [[ $plan ]]; then
  # The clients first. It closes a lock for what it leaves behind.
  exec {lock}</dev/null
  tell_clients "$plan"
  exec {lock}>&-
  lock=''
fi

lock_tables "$bundle"
adapt_files "$bundle"
read -r found _ 2>/dev/null <"$guard_folder/generation" || found=''
if [[ $plan && $found == "$generation" && -e $plan.done ]]; then list_pins >"$pins_listed"; fi
if [[ ! $found ]]; then begin_generation "$bundle"; fi
unlock_tables
save_holds
[[ ! $words ]] || note_in_history "$words"
# What a guard that was killed left half-way; where a run is at work, the supervisor does it after that.
[[ $plan ]] || bash "$scripts/restore.sh" --once || true
