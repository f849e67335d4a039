# shellcheck shell=bash
# What the machine holds differently from what was applied last.
# Set by lib.sh:
: "${instance?}" "${state?}" "${unit?}" "${units?}"

# all_drift: all differences from what was applied last, that is, from the wanted files as they came.
all_drift() {
  (edited)
  drift "$state/current/pristine"
  ! [[ -e $state/current/scripts/unit.service ]] || unit_drift
}

# Wanted files that were edited in our folder. No line of those in private/ is shown: they may hold secrets.
edited() {
  local differences
  cd "$state/current" || return
  differences=$(diff -a -r -U0 pristine/want want) || [[ $? == 1 ]]
  [[ ! $differences ]] || awk_file edited <<<"$differences"
}

# unit_drift: without systemctl where possible, as each preview checks this.
unit_drift() {
  local text
  text=$(unit_text "$state/current/scripts" "$instance")
  if [[ ! -e $units/$unit ]]; then
    say "- $units/$unit"
    return
  fi
  [[ $(<"$units/$unit") == "$text" ]] || say "- $units/$unit as it was applied"
  [[ -L $units/multi-user.target.wants/$unit ]] || say "- service $unit enabled at boot"
  if [[ $text == *Restart=* ]]; then
    case $(systemctl is-active "$unit" || true) in
      inactive | failed) printf '%s\n' "- service $unit running" "+ service $unit not running" ;;
    esac
  fi
}
