#!/bin/bash
# Brings this machine to what the bundle around this script wants, or leaves it as it was. Run again with the
# same bundle it changes and reloads nothing: /var/lib/loopback-ha/INSTANCE/current/scripts/apply.sh
# shellcheck source-path=SCRIPTDIR
. "$(dirname "${BASH_SOURCE[0]}")/lib.sh"

# A dying ssh session must not stop us half-way; the caller bounds our time.
trap '' HUP INT TERM PIPE

take_lock
# What a run that was killed was about to rename.
for leftover in "$state"/*.new; do
  [[ ! -e $leftover && ! -L $leftover ]] || rm -f "$leftover"
done
# What nobody confirmed goes back before something new comes.
[[ ! -e $pending ]] || revert
previous=$(current_version)
doubted=
[[ ! -e $state/in-doubt ]] || doubted=1

# A refusal on a machine that has nothing of ours leaves nothing of ours.
trap 'cleanup; [[ -e $root ]] || rm -rf "$run"' EXIT
check

if [[ $version == "$previous" && ! $doubted ]] && is_live "$bundle" && found=$(all_drift) && [[ ! $found ]]; then
  verify "$bundle"
  # What pulumi had seen is over; the same again is another drift.
  [[ ! ${LOOPBACK_HA_TOKEN:-} ]] || stamp applied || true
  report "$bundle"
  exit 0
fi

# From the mark on, until it is cleared, nobody may take this machine's state for known.
mark_in_doubt() {
  mkdir -p "$state/versions" && stamp in-doubt && return
  [[ $previous ]] || forget_instance
  fail "cannot write in $root (disk $(df --output=pcent "$state" 2>/dev/null | tail -n 1 | tr -d ' ') full?); nothing was changed"
}
mark_in_doubt

stage() {
  if [[ $bundle != "$state/versions/$version" ]]; then
    rm -rf "$state/versions/$version" "$state/incoming"
    cp -R --preserve=mode "$bundle" "$state/incoming"
    mkdir "$state/incoming/pristine"
    cp -R --preserve=mode "$bundle/want" "$state/incoming/pristine/want"
    mv -T "$state/incoming" "$state/versions/$version"
  elif ! diff -qr "$bundle/pristine/want" "$bundle/want" >/dev/null; then
    # Run by hand, after somebody edited what is wanted.
    rm -rf "$bundle/want.new"
    cp -R --preserve=mode "$bundle/pristine/want" "$bundle/want.new"
    rm -rf "$bundle/want"
    mv -T "$bundle/want.new" "$bundle/want"
  fi
  sync -f "$state"
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
  activate "$state/versions/$version"
  verify "$state/versions/$version"
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
    fail "this failed, and so did going back: the machine is in doubt until the next 'pulumi up' succeeds on it"
  fi
  fail 'this failed; the state before it is back in force'
fi
set -e

# With LOOPBACK_HA_TOKEN, the caller has the mark cleared when it has got the result.
[[ ${LOOPBACK_HA_TOKEN:-} ]] || rm -f "$state/in-doubt"
report "$state/versions/$version"
