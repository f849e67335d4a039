# shellcheck shell=bash disable=SC2154
# What the machine holds differently from what was applied last.

# all_drift: what differs from what was applied last, that is, from the wanted files as they came.
all_drift() {
  (edited)
  drift "$state/current/pristine"
  ! [[ -e $state/current/scripts/unit.service ]] || unit_drift
}

# Wanted files that somebody edited where they lie. Those of private/ may hold secrets: of vhosts, what the lines
# with the health path hold is left out; of all others, every line.
edited() {
  local differences
  cd "$state/current" || return
  differences=$(diff -a -r -U0 pristine/want want) || [[ $? == 1 ]]
  [[ ! $differences ]] || awk '
    function label(file) {
      sub(/^(pristine\/)?want\//, "", file)
      hidden = file ~ /^private\// && file !~ /^private\/sites\//
      if (sub(/^private\/sites\/site-/, "vhost ", file)) sub(/\.conf$/, "", file)
      else sub(/^private\//, "", file)
      return file
    }
    function token_of(file,  line, part, token) {
      while ((getline line <file) > 0) if (split(line, part, "\"") && part[1] ~ /^ *Alias $/) token = part[2]
      close(file)
      sub(/.*\//, "", token)
      return token
    }
    function shown(line) {
      if ((token != "" && index(line, token)) || line ~ /[\/]loopback-ha\// || line ~ /^[ \t#]*([Aa]lias|[Ss]et[Ee]nv[Ii]f)/) {
        match(line, /^[ \t#]*[^ \t]*/)
        return substr(line, 1, RLENGTH) " (not shown: it may hold the health path)"
      }
      return line
    }
    header > 0 { header--; next }
    /^diff / { token = token_of($(NF - 1)); name = label($NF); header = 2; if (hidden) print "+ " name ": edited"; next }
    /^Only in / {
      sub(/^Only in /, "")
      side = /^pristine/ ? "-" : "+"
      sub(/: /, "/")
      print side " " label($0)
      next
    }
    !hidden && /^[-+]/ { print substr($0, 1, 1) " " name ": " shown(substr($0, 2)) }' <<<"$differences"
}

# Enabled is a link, and running matters for a supervisor only: this is asked at every preview.
unit_drift() {
  local text
  text=$(unit_text "$state/current/scripts")
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
