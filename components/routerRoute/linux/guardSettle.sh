#!/bin/bash
# After a move of the guard, what need not be done at once: guardSettle.sh GENERATION SET WORDS, by guard.pl. GENERATION is the one that
# its move has begun, SET a folder of its plan. Without SET: after the guard's start, which may be after its death in the middle of one.
# shellcheck source-path=SCRIPTDIR source=../../host/machine/lib.sh
. "$(dirname "${BASH_SOURCE[0]}")/lib.sh"
# What role.sh brings.
: "${guard_folder?}" "${pins_listed?}"
trap '' HUP INT TERM PIPE
generation=$1 plan=${2:-} words=${3:-}

if [[ $plan ]]; then
  # The clients first. It closes a lock for what it leaves behind.
  exec {lock}</dev/null
  tell_clients "$plan"
  exec {lock}>&-
  lock=''
fi

lock_tables "$bundle"
adapt_files "$bundle"
read -r found _ <"$guard_folder/generation" 2>/dev/null || found=''
if [[ $plan && $found == "$generation" && -e $plan.done ]]; then list_pins >"$pins_listed"; fi
if [[ ! $found ]]; then begin_generation "$bundle"; fi
unlock_tables
save_holds
[[ ! $words ]] || note_in_history "$words"
# What a guard that was killed left half-way; where a run is at work, the supervisor does it after that.
[[ $plan ]] || bash "$scripts/restore.sh" --once || true
