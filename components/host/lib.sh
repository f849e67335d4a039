# shellcheck shell=bash disable=SC2034
# What apply.sh, remove.sh and restore.sh share. A concern (VIPs, vhosts, routes, a zone) is one concern.sh with
#   check          is it possible here? Fails with one clear line; changes nothing
#   is_live DIR    does the machine hold what the bundle DIR wants?
#   activate DIR   makes the machine hold it, and drops what other bundles of this instance wanted ("": drops all)
#   verify DIR     does it really work?
#   report DIR     a line or two for the operator
#   drift DIR      what the machine holds differently from what the bundle DIR wants: lines "- as applied" and
#                  "+ as found", in words the operator knows. Only what activate puts right, or it shows for ever
# Everything of one instance lies in /var/lib/loopback-ha/INSTANCE: versions/ID/{meta,want,scripts,pristine},
# current -> versions/ID (the one switch between old and new), applied, in-doubt. pristine/want is want as it came.
set -Eeuo pipefail
# No step of ours may fail without a word.
trap 'printf "%s\n" "${machine:-?}: line $LINENO of ${BASH_SOURCE[0]##*/} failed: $BASH_COMMAND" >&2' ERR
export LC_ALL=C PATH=/usr/sbin:/usr/bin:/sbin:/bin
umask 022

readonly root=/var/lib/loopback-ha run=/run/loopback-ha units=/etc/systemd/system
scripts=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd -P)
bundle=${scripts%/*}

# meta_of DIR KEY: one value of a bundle's meta file.
meta_of() { sed -n "s/^$2=//p" "$1/meta"; }

instance='' machine='' concern='' stack='' version=''
while IFS='=' read -r key value; do
  case $key in instance | machine | concern | stack | version) printf -v "$key" %s "$value" ;; esac
done <"$bundle/meta"
state=$root/$instance
unit=loopback-ha.$instance.service
readonly instance machine concern stack version state unit

say() { printf '%s\n' "$*"; }
warn() { printf 'warning: %s: %s\n' "$machine" "$*" >&2; }
fail() {
  printf '%s: %s\n' "$machine" "$*" >&2
  exit 1
}

need() {
  local program
  for program; do
    command -v "$program" >/dev/null || fail "the program '$program' is missing; install it ($(package_of "$program"))"
  done
}
package_of() {
  case $1 in
    ip | ss) say 'apt-get install iproute2' ;;
    apache2 | apache2ctl) say 'apt-get install apache2' ;;
    named | named-checkzone | named-checkconf | rndc) say 'apt-get install bind9' ;;
    *) say "apt-get install $1" ;;
  esac
}

# One lock for the machine: two stacks never work on it at the same time.
take_lock() {
  mkdir -p "$run"
  chmod 700 "$run"
  exec {lock}>>"$run/lock"
  if ! flock -w "${1:-60}" "$lock"; then
    fail "another run is still at work here ($(cat "$run/holder" 2>/dev/null)); nothing was changed. Wait for it, then run 'pulumi up' again"
  fi
  # The last remove.sh deletes the lock file: then we hold a lock nobody else sees.
  if ! [[ $run/lock -ef /proc/self/fd/$lock ]]; then
    exec {lock}>&-
    take_lock "$@"
    return
  fi
  printf 'pid %s, %s of %s, since %s\n' "$$" "$(basename "$0")" "$instance" "$(date -u +%FT%TZ)" >"$run/holder"
}

current_version() { [[ ! -L $state/current ]] || basename "$(readlink "$state/current")"; }

# Bundles in force of the other instances of this concern on this machine, one folder a line.
others() {
  local meta
  for meta in "$root"/*/current/meta; do
    if [[ -e $meta && $meta != "$state"/* ]] && grep -qx "concern=$concern" "$meta"; then say "${meta%/meta}"; fi
  done
}

# Lines of a wanted file in every bundle of this instance (half-applied ones too) / of all other instances.
of_all_versions() { cat "$state"/versions/*/want/"$1" 2>/dev/null || true; }
of_others() {
  local other
  for other in $(others); do cat "$other/want/$1"; done
}

# install_file PATH MODE <TEXT: atomic, and nothing at all where it is already so.
install_file() {
  cat >"$run/text"
  if cmp -s "$run/text" "$1"; then return; fi
  cp "$run/text" "$1.loopback-ha-new"
  chmod "$2" "$1.loopback-ha-new"
  mv -T "$1.loopback-ha-new" "$1"
}

# The unit that brings this instance back after a boot (and, on routers, after anything that wiped it).
install_unit() {
  [[ -e $scripts/unit.service ]] || return 0
  local text
  text=$(unit_text "$scripts")
  if ! cmp -s - "$units/$unit" <<<"$text"; then
    install_file "$units/$unit" 644 <<<"$text"
    systemctl daemon-reload
  fi
  systemctl is-enabled --quiet "$unit" 2>/dev/null || systemctl enable --quiet "$unit"
  # Not waited for: the unit waits for our lock.
  systemctl is-active --quiet "$unit" || systemctl start --no-block "$unit"
}
remove_unit() {
  [[ -e $units/$unit ]] || return 0
  systemctl disable --quiet --now "$unit"
  rm -f "$units/$unit"
  systemctl daemon-reload
}

point_current_at() {
  ln -sfn "versions/$1" "$state/current.new"
  mv -T "$state/current.new" "$state/current"
}

forget_versions_but() {
  local dir
  for dir in "$state"/versions/*; do
    [[ $dir == "$state/versions/$1" ]] || rm -rf "$dir"
  done
}

# The last thing a removal does: one rename takes the instance away, the rest is tidying.
forget_instance() {
  remove_unit
  if [[ -e $state ]]; then
    mv -T "$state" "$root/.gone-$instance"
  fi
  rm -rf "$root/.gone-$instance"
  # The folder is empty but for nothing of ours when this was the last instance; then the lock goes too.
  if rmdir "$root" 2>/dev/null; then rm -rf "$run"; fi
}

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
  cd "$state/current"
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

unit_text() {
  local text
  text=$(<"$1/unit.service")
  text=${text//@INSTANCE@/"$instance"}
  say "${text//@STATE@/"$state"}"
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

# What a concern may add: things to note down after the mark and before the first change.
prepare() { :; }
# And what its check() may have to clear away however apply.sh ends.
cleanup() { :; }

# shellcheck source=/dev/null
. "$scripts/concern.sh"
