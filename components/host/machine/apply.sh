#!/bin/bash
# Brings this machine to what the bundle around this script wants, or leaves it as it was. Run again with the
# same bundle it changes and reloads nothing: /var/lib/loopback-ha/INSTANCE/current/scripts/apply.sh
# shellcheck source-path=SCRIPTDIR
. "$(dirname "${BASH_SOURCE[0]}")/lib.sh"

# A dying ssh session must not stop us half-way; the caller bounds our time.
trap '' HUP INT TERM PIPE

take_lock
# What a run that was killed, or found no room, was about to rename.
drop_unrenamed() {
  local leftover
  for leftover in "$state"/*.new "$root"/*.new; do
    [[ ! -e $leftover && ! -L $leftover ]] || rm -f "$leftover"
  done
}
drop_unrenamed
# What nobody confirms goes back before something new comes.
let_confirm
[[ ! -e $pending ]] || revert
took=
trap 'cleanup; drop_unrenamed; [[ ! $took ]] || give_back; [[ -e $root ]] || rm -rf "$run"' EXIT
# By hand, later, the same name may be another's.
if [[ ${LOOPBACK_HA_TOKEN:-} ]]; then
  # Where the state has this name, what it was before is over.
  if [[ -e $bundle/former ]]; then take_over "$(<"$bundle/former")"; else rm -f "$taken_from"; fi
fi
previous=$(current_version)
doubted=
[[ ! -e $state/in-doubt ]] || doubted=1

adapt "$bundle"
# A refusal leaves the machine as it was, with nothing of ours where there was none.
check

if [[ $version == "$previous" && ! $doubted && ! -e $taken_from ]] && is_live "$bundle" && found=$(all_drift) && [[ ! $found ]]; then
  verify "$bundle"
  # What pulumi had seen is over; the same again is another drift.
  [[ ! ${LOOPBACK_HA_TOKEN:-} ]] || stamp applied || true
  report "$bundle"
  exit 0
fi

# Of several machines one goes first (ADR 25): whoever called us says when our turn is.
turn=
[[ ! ${LOOPBACK_HA_TOKEN:-} ]] || turn=$(meta_of "$bundle" turn_seconds)
# Which other machine a run has lost to a change, and the change: "MACHINE VERSION SURROUNDINGS". The same is not tried here
# before it has shown there that it is corrected.
readonly stayed=$state/stayed
lost_before() {
  local first='' of='' among=''
  [[ ! -e $stayed ]] || read -r first of among <"$stayed" || true
  if [[ $first && $of == "$version" && $among == "$(surroundings)" ]]; then say "$first"; else say -; fi
}
note_loss() {
  # Where there is nothing of ours, nothing stays.
  [[ $previous ]] || return 0
  say "$1 $version $(surroundings)" >"$stayed.new" && replace "$stayed.new" "$stayed"
}
wait_for_turn() {
  local answer='' serving=0 certain=0 lost=0
  ! serves || serving=1
  ! is_tried || certain=1
  ((serving)) || [[ ! $doubted ]] || lost=1
  say "LOOPBACK-HA-READY $serving $certain $lost $(lost_before)" >&4
  IFS= read -r -t "$turn" answer <&3 || true
  case $answer in
    LOOPBACK-HA-GO) rm -f "$stayed" ;;
    LOOPBACK-HA-STAY) exit 1 ;;
    'LOOPBACK-HA-STAY '*)
      note_loss "${answer#* }" ||
        warn "can't record on this machine that ${answer#* } was lost to this change: remove the change from the config before any run without ${answer#* }"
      exit 1
      ;;
    *) fail "it was never told that its turn had come; nothing was changed. Run 'pulumi up' again" ;;
  esac
}
begin_turn() {
  # Whoever asked may be gone; the change is made all the same.
  say LOOPBACK-HA-BEGUN >&4 || true
} 2>/dev/null
[[ ! $turn ]] || wait_for_turn

# From the mark on, until it is cleared, nobody may take this machine's state for known.
mark_in_doubt() {
  mkdir -p "$state/versions" && stamp in-doubt && return
  [[ $previous ]] || forget_instance
  fail "cannot write in $root (disk $(df --output=pcent "$state" 2>/dev/null | tail -n 1 | tr -d ' ') full?); nothing was changed"
}
mark_in_doubt
# From here on it is go_back's.
took=

# put_in_place NEW PLACE: two renames, so that a machine that dies has the one or the other, but for that moment.
put_in_place() {
  [[ ! -e $state/replaced ]] || rm -rf "$state/replaced"
  [[ ! -e $2 ]] || mv -T "$2" "$state/replaced"
  mv -T "$1" "$2"
  [[ ! -e $state/replaced ]] || rm -rf "$state/replaced"
}

# The version may be in force already: then only what somebody edited is replaced.
stage() {
  local place=$state/versions/$version
  [[ ! -e $state/incoming ]] || rm -rf "$state/incoming"
  if [[ ! -e $place ]] || ! diff -qr "$bundle/scripts" "$place/scripts" >/dev/null || ! diff -qr "$(as_it_came)" "$place/pristine/want" >/dev/null; then
    cp -R --preserve=mode "$bundle" "$state/incoming"
    rm -f "$state/incoming/former"
    if [[ -e $state/incoming/pristine ]]; then
      rm -rf "$state/incoming/want"
    else
      mkdir "$state/incoming/pristine"
      mv "$state/incoming/want" "$state/incoming/pristine/want"
    fi
    cp -R --preserve=mode "$state/incoming/pristine/want" "$state/incoming/want"
    put_in_place "$state/incoming" "$place"
  elif ! diff -qr "$place/pristine/want" "$place/want" >/dev/null; then
    cp -R --preserve=mode "$place/pristine/want" "$state/incoming"
    put_in_place "$state/incoming" "$place/want"
  fi
  sync -f "$state"
}
# The installed bundle, run by hand, may have been edited.
as_it_came() {
  if [[ -e $bundle/pristine/want ]]; then say "$bundle/pristine/want"; else say "$bundle/want"; fi
}

# Subshells that are not part of a condition, so that set -e holds inside.
set +e
(
  set -e
  stage
  prepare
  arm "$previous" "$doubted"
  # What waits for a confirmation is not brought up at boot.
  [[ -e $pending ]] || switch_to "$version"
  [[ ! $turn ]] || begin_turn
  activate "$state/versions/$version"
  verify "$state/versions/$version"
  arm_again
  [[ -e $pending ]] || record "$version"
)
failed=$?
if ((failed)); then
  (
    set -e
    go_back "$previous" "$doubted"
    disarm
  )
  unhealed=$?
  if ((unhealed)); then
    fail "the change failed, and so did rolling it back: the machine is in doubt until the next 'pulumi up' succeeds on it"
  fi
  fail 'the change failed; the previous state is back in force'
fi
set -e

# With LOOPBACK_HA_TOKEN, the caller has the mark cleared when it has got the result.
[[ ${LOOPBACK_HA_TOKEN:-} ]] || rm -f "$state/in-doubt"
report "$state/versions/$version"
