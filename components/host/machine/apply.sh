#!/bin/bash
# Brings this machine to what the bundle around this script wants, or leaves it as it was. A second run with the same bundle
# changes and reloads nothing: /var/lib/loopback-ha/INSTANCE/current/scripts/apply.sh
# shellcheck source-path=SCRIPTDIR
. "${BASH_SOURCE[0]%/*}/lib.sh"

# A broken ssh session must not stop us half-way; the caller limits our time.
trap '' HUP INT TERM PIPE

take_lock
# Files that a killed run, or one without disk space, did not get to rename.
drop_unrenamed() {
  local leftover
  for leftover in "$state"/*.new "$root"/*.new; do
    [[ ! -e $leftover && ! -L $leftover ]] || rm -f "$leftover"
  done
}
drop_unrenamed
# An unconfirmed change is undone before a new one begins.
let_confirm
[[ ! -e $pending ]] || revert
trap 'cleanup; drop_unrenamed; ! has_taken || give_back; [[ -e $root ]] || rm -rf "$run"' EXIT
# Only for pulumi: when this is run by hand later, another stack may have that name.
if [[ ${LOOPBACK_HA_TOKEN:-} ]]; then
  # The state has this name already: the note of a former one is out of date.
  if [[ -e $bundle/former ]]; then take_over "$(<"$bundle/former")"; elif [[ -e $taken_from ]]; then rm -f "$taken_from"; fi
fi
previous=$(current_version)
[[ ! -e $state/in-doubt ]] || doubted=1

adapt "$bundle"
# A refused run leaves the machine as it was: without any file of loopback-ha if it had none.
check

if [[ $version == "$previous" && ! $doubted && ! -e $taken_from ]] && is_live "$bundle" && found=$(all_drift) && [[ ! $found ]]; then
  verify "$bundle"
  # Drift that pulumi has seen is settled: the same again counts as new drift.
  [[ ! ${LOOPBACK_HA_TOKEN:-} ]] || stamp applied || true
  report "$bundle"
  exit 0
fi

# One of several machines goes first (ADR 25): the caller says when it is our turn.
turn=
[[ ! ${LOOPBACK_HA_TOKEN:-} ]] || turn=$(meta_of "$bundle" turn_seconds)
# Which other machine was lost to which change: "MACHINE VERSION SURROUNDINGS". That change is not tried here until it has
# succeeded there.
readonly stayed=$state/stayed
lost_before() {
  local first='' of='' among=''
  [[ ! -e $stayed ]] || read -r first of among <"$stayed" || true
  if [[ $first && $of == "$version" && $among == "$(surroundings)" ]]; then say "$first"; else say -; fi
}
note_loss() {
  # A machine without any file of loopback-ha stays so.
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
    *) fail "it got no answer about its turn in this run; nothing was changed. Run 'pulumi up' again" ;;
  esac
}
begin_turn() {
  # The caller may be gone; the change goes on.
  say LOOPBACK-HA-BEGUN >&4 || true
} 2>/dev/null
[[ ! $turn ]] || wait_for_turn

# Until the mark is cleared, this machine's state counts as unknown.
mark_in_doubt() {
  { [[ -d $state/versions ]] || mkdir -p "$state/versions"; } && stamp in-doubt && return
  [[ $previous ]] || forget_instance
  fail "cannot write in $root (disk $(df --output=pcent "$state" 2>/dev/null | tail -n 1 | tr -d ' ') full?); nothing was changed"
}
mark_in_doubt
# From here on, go_back undoes a takeover.
keep_taken

# put_in_place NEW PLACE: by two renames. A machine that dies has the old or the new one, except between the two.
put_in_place() {
  [[ ! -e $state/replaced ]] || rm -rf "$state/replaced"
  [[ ! -e $2 ]] || mv -T "$2" "$state/replaced"
  mv -T "$1" "$2"
  [[ ! -e $state/replaced ]] || rm -rf "$state/replaced"
}

# If this version is in force already, only files that were edited on the machine are replaced.
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
# as_it_came: the wanted files as they came, which may have been edited since in an installed bundle.
as_it_came() {
  if [[ -e $bundle/pristine/want ]]; then say "$bundle/pristine/want"; else say "$bundle/want"; fi
}

# The change is in force: a connection made from now on shows that this machine can be reached with it. Its confirmation waits for the
# lock, and so for what follows.
show_active() {
  say LOOPBACK-HA-ACTIVE >&4 || true
} 2>/dev/null

# Subshells outside of a condition, so that set -e holds in them.
set +e
(
  set -e
  stage
  prepare
  arm "$previous" "$doubted"
  # A change that waits for its confirmation does not come back after a reboot.
  [[ -e $pending ]] || switch_to "$version"
  [[ ! $turn ]] || begin_turn
  activate "$state/versions/$version"
  [[ ! -e $pending ]] || show_active
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

# With LOOPBACK_HA_TOKEN, acknowledge.sh clears the mark once the caller has the result.
[[ ${LOOPBACK_HA_TOKEN:-} ]] || rm -f "$state/in-doubt"
report "$state/versions/$version"
