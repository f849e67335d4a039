# shellcheck shell=bash
# What the machine holds differently from what was applied last.
# Set by lib.sh:
: "${instance?}" "${state?}" "${unit?}" "${units?}"

# all_drift: all differences from what was applied last, that is, from the wanted files as they came.
all_drift() {
  local base
  base=$(drift_base)
  (edited "$base")
  drift "$base/pristine"
  [[ $base -ef $state/current ]] || rm -rf "$base"
  ! [[ -e $state/current/scripts/unit.service ]] || unit_drift "$unit" unit.service
}

# Wanted files that were edited in our folder. No line of those in private/ is shown: they may hold secrets.
edited() {
  local differences
  cd "$1" || return
  differences=$(diff -a -r -U0 pristine/want want) || [[ $? == 1 ]]
  [[ ! $differences ]] || awk_file edited <<<"$differences"
}

# unit_drift UNIT TEMPLATE: without systemctl where possible, as each preview checks this.
unit_drift() {
  local name=$1 text
  text=$(unit_text "$state/current/scripts/$2" "$instance")
  if [[ ! -e $units/$name ]]; then
    say "- $units/$name"
    return
  fi
  [[ $(<"$units/$name") == "$text" ]] || say "- $units/$name as it was applied"
  [[ -L $units/multi-user.target.wants/$name ]] || say "- service $name enabled at boot"
  if [[ $text == *Restart=* ]]; then
    case $(systemctl is-active "$name" || true) in
      inactive | failed) printf '%s\n' "- service $name running" "+ service $name not running" ;;
    esac
  fi
}
