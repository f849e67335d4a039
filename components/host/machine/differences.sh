# shellcheck shell=bash disable=SC2154
# What the machine holds differently from what was applied last.

# all_drift: what differs from what was applied last, that is, from the wanted files as they came.
all_drift() {
  local base
  base=$(drift_base)
  (edited "$base")
  drift "$base/pristine"
  [[ $base -ef $state/current ]] || rm -rf "$base"
  ! [[ -e $state/current/scripts/unit.service ]] || unit_drift "$unit" unit.service
}

# Wanted files that somebody edited where they lie. Those of private/ may hold secrets: of them, no line is shown.
edited() {
  local differences
  cd "$1" || return
  differences=$(diff -a -r -U0 pristine/want want) || [[ $? == 1 ]]
  [[ ! $differences ]] || awk '
    function label(file) {
      sub(/^(pristine\/)?want\//, "", file)
      hidden = sub(/^private\//, "", file)
      return file
    }
    header > 0 { header--; next }
    /^diff / { name = label($NF); header = 2; if (hidden) print "+ " name ": edited"; next }
    /^Only in / {
      sub(/^Only in /, "")
      side = /^pristine/ ? "-" : "+"
      sub(/: /, "/")
      print side " " label($0)
      next
    }
    !hidden && /^[-+]/ { print substr($0, 1, 1) " " name ": " substr($0, 2) }' <<<"$differences"
}

# Enabled is a link, and running matters for a supervisor only: this is asked at every preview.
# unit_drift UNIT TEMPLATE
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
