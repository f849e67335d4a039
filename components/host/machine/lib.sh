# shellcheck shell=bash
# What apply.sh, remove.sh and restore.sh share. A role (VIPs, vhosts, routes, a zone) is one role.sh with
#   check          is it possible here? Fails with one clear line; changes nothing
#   is_live DIR    does the machine hold what the bundle DIR wants?
#   activate DIR   makes the machine hold it, and drops what other bundles of this instance wanted ("": drops all)
#   verify DIR     does it really work?
#   report DIR     a line or two for the operator
#   drift DIR      what the machine holds differently from what the bundle DIR wants: lines "- as applied" and
#                  "+ as found", in words the operator knows. Only what activate repairs: anything else would be reported again and again
# An instance's files are in /var/lib/loopback-ha/INSTANCE: versions/ID/{meta,want,scripts,pristine}, current -> versions/ID (the one
# switch between old and new), applied, in-doubt, taken-from. pristine/want is want as it came.
set -Eeuo pipefail
# No failing step may go unreported. Which step it was helps only those who read these scripts. A subshell has reported its own.
failed_step() {
  local what=${3%%[[:space:]]*}
  [[ $what != '('* ]] || return 0
  [[ $what =~ ^[a-z][a-z0-9-]*$ && $(type -t "$what") == file ]] || what='a step'
  printf '%s\n' "${machine:-?}: $what failed (line $1 of ${2##*/}); its own output is above" >&2
}
trap 'failed_step "$LINENO" "${BASH_SOURCE[0]}" "$BASH_COMMAND"' ERR
export LC_ALL=C PATH=/usr/sbin:/usr/bin:/sbin:/bin
# A login must not make bash or perl run something else first.
unset BASH_ENV ENV PERL5LIB PERL5OPT PERL5DB
umask 022

readonly root=/var/lib/loopback-ha run=/run/loopback-ha units=/etc/systemd/system
scripts=$(cd "${BASH_SOURCE[0]%/*}" && pwd -P)
bundle=${scripts%/*}

# value_in FILE KEY: the value in a file of lines KEY=VALUE. Without a process: it is called often.
value_in() {
  local line
  while read -r line || [[ $line ]]; do
    if [[ $line == "$2="* ]]; then
      say "${line#*=}"
      # The 0 matters in an EXIT trap: it would otherwise become the script's exit code.
      return 0
    fi
  done <"$1"
}
# awk_file NAME [ARGUMENT...]: runs NAME.awk of this bundle, with the functions of lib.awk and of the role's functions.awk.
# A script that waited for the lock, or goes on in the background, may have outlived its own bundle: then the one in force has them.
awk_file() {
  local name=$1 from=$scripts functions
  shift
  [[ -e $from/$name.awk ]] || from=$state/current/scripts
  functions=(-f "$from/lib.awk")
  [[ ! -e $from/functions.awk ]] || functions+=(-f "$from/functions.awk")
  awk "${functions[@]}" -f "$from/$name.awk" "$@"
}
# meta_of DIR KEY: one value of a bundle's meta file.
meta_of() { value_in "$1/meta" "$2"; }

instance='' machine='' role='' stack='' version=''
while IFS='=' read -r key value; do
  case $key in instance | machine | role | stack | version) printf -v "$key" %s "$value" ;; esac
done <"$bundle/meta"
state=$root/$instance
unit=loopback-ha.$instance.service
readonly instance machine role stack version state unit
# Set by apply.sh: the version in force before, and whether it is in doubt. By take_lock: the lock's file descriptor.
# shellcheck disable=SC2034 # roles read them
previous='' doubted='' lock=''

say() { printf '%s\n' "$*"; }
warn() { printf 'warning: %s: %s\n' "$machine" "$*" >&2; }
fail() {
  printf '%s: %s\n' "$machine" "$*" >&2
  exit 1
}

# first_few MOST [WHAT]: the first lines of stdin, then "and N more WHAT" if there are more; as base/firstFew.ts.
first_few() {
  awk -v most="$1" -v what="${2:+ $2}" 'NR <= most; END { if (NR > most) print "and " NR - most " more" what }'
}
# listed MOST [SEPARATOR]: the same in one line: "a, b and 3 more".
listed() {
  awk -v most="$1" -v separator="${2:-, }" 'NR <= most { printf "%s%s", (NR > 1 ? separator : ""), $0 } END { if (NR > most) printf " and %d more", NR - most }'
}
# warn_each MOST [WHAT]: warns with each of the first lines of stdin, and says how many more there are.
warn_each() {
  local line
  while IFS= read -r line; do warn "$line"; done < <(first_few "$@")
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
    nft) say 'apt-get install nftables' ;;
    awk) say 'apt-get install mawk' ;;
    vtysh) say 'apt-get install frr' ;;
    flock) say 'apt-get install util-linux' ;;
    systemctl | systemd-run) say 'apt-get install systemd' ;;
    apache2 | apache2ctl) say 'apt-get install apache2' ;;
    named) say 'apt-get install bind9' ;;
    rndc | named-checkzone | named-checkconf) say 'apt-get install bind9-utils' ;;
    dig) say 'apt-get install bind9-dnsutils' ;;
    *) say "apt-get install $1" ;;
  esac
}

# One lock for the machine: two stacks never change it at the same time. The holder can hand it to a script that it runs.
take_lock() {
  if [[ ${LOOPBACK_HA_LOCK:-} ]]; then
    lock=$LOOPBACK_HA_LOCK
    return
  fi
  [[ -d $run ]] || mkdir -m 700 "$run" 2>/dev/null || [[ -d $run ]]
  exec {lock}>>"$run/lock"
  if ! flock -w "${1:-60}" "$lock"; then
    fail "another run is still in progress here ($(cat "$run/holder" 2>/dev/null)); nothing was changed. Wait for it, then run 'pulumi up' again"
  fi
  # The last remove.sh deletes the lock file: our lock is then on a file that no one else opens.
  if ! [[ $run/lock -ef /proc/self/fd/$lock ]]; then
    exec {lock}>&-
    take_lock "$@"
    return
  fi
  # Only a note: on a full /run there is no space for it.
  printf 'pid %s, %s of %s, since %s\n' "$$" "${0##*/}" "$instance" "$(TZ=UTC printf '%(%FT%TZ)T' -1)" 2>/dev/null >"$run/holder" || true
}

# Daemons that these start must not inherit our lock. rndc, vtysh and the like are run by timeout.
systemctl() { without_lock systemctl "$@"; }
timeout() { without_lock timeout "$@"; }
without_lock() (
  [[ ! $lock ]] || exec {lock}>&-
  exec "$@"
)

current_version() {
  local target
  [[ -L $state/current ]] || return 0
  target=$(readlink "$state/current")
  say "${target##*/}"
}

# others: the bundles in force of this role's other instances on this machine, one folder per line.
others() {
  local meta
  for meta in "$root"/*/current/meta; do
    if [[ -e $meta && $meta != "$state"/* ]] && grep -qx "role=$role" "$meta"; then say "${meta%/meta}"; fi
  done
}

# Lines of a wanted file: in all bundles of this instance (including half-applied ones), and in those of other instances.
of_all_versions() { cat "$state"/versions/*/want/"$1" 2>/dev/null || true; }
of_others() {
  local other
  for other in $(others); do cat "$other/want/$1"; done
}

# replace NEW PATH: after a power cut, PATH is the old or the new file, whole, on any file system. Later steps (a mark cleared, a
# version removed) can rely on it.
replace() { sync "$1" && mv -T "$1" "$2" && sync "${2%/*}"; }
# delete FILE: after a power cut, too, it is gone before later steps take effect.
delete() { rm -f "$1" && sync "${1%/*}"; }

# now: as 2026-11-30T16:00:00.123456Z, without a process.
now() {
  local moment=$EPOCHREALTIME
  TZ=UTC printf '%(%FT%T)T.%sZ\n' "${moment%.*}" "${moment#*.}"
}

# install_file PATH MODE <TEXT: atomic; writes nothing when the file is already so.
install_file() {
  # The text may hold a secret.
  umask 077
  cat >"$run/text"
  umask 022
  if ! cmp -s "$run/text" "$1"; then
    install -m "$2" "$run/text" "$1.loopback-ha-new"
    replace "$1.loopback-ha-new" "$1"
  fi
  : >"$run/text"
}

# install_unit: the unit that restores this instance after a boot, and keeps it in force.
install_unit() { [[ ! -e $scripts/unit.service ]] || install_service "$unit" "$scripts/unit.service"; }
# install_service UNIT TEMPLATE
install_service() {
  local name=$1 text changed=
  text=$(unit_text "$2" "$instance")
  if ! cmp -s - "$units/$name" <<<"$text"; then
    install_file "$units/$name" 644 <<<"$text"
    changed=1
  fi
  # Either way systemd reads all units again, once.
  if [[ ! -L $units/multi-user.target.wants/$name ]]; then
    systemctl enable --quiet "$name"
    sync_wants
  elif [[ $changed ]]; then
    systemctl daemon-reload
  fi
  # Without waiting: the unit waits for our lock. A changed unit must be restarted.
  if [[ $changed ]]; then
    systemctl restart --no-block "$name"
  else
    runs "$name" || systemctl start --no-block "$name"
  fi
}
# runs UNIT: has it a process? The kernel says so sooner than systemd.
runs() {
  local pid=''
  { read -r pid <"/sys/fs/cgroup/system.slice/$1/cgroup.procs"; } 2>/dev/null
  [[ $pid ]] || systemctl is-active --quiet "$1"
}
# unit_text TEMPLATE INSTANCE
unit_text() {
  local text
  text=$(<"$1")
  text=${text//@INSTANCE@/"$2"}
  say "${text//@STATE@/"$root/$2"}"
}
# systemctl does not sync its links.
sync_wants() { [[ ! -e $units/multi-user.target.wants ]] || sync "$units/multi-user.target.wants"; }
remove_unit() {
  [[ -e $units/$1 ]] || return 0
  systemctl disable --quiet --now "$1"
  sync_wants
  delete "$units/$1"
  systemctl daemon-reload
}

point_current_at() {
  ln -sfn "versions/$1" "$state/current.new"
  replace "$state/current.new" "$state/current"
}

forget_versions_but() {
  local dir
  for dir in "$state"/versions/*; do
    [[ $dir == "$state/versions/$1" ]] || rm -rf "$dir"
  done
}

# go_back PREVIOUS DOUBTED: puts the previous version back in force; "": there was none.
go_back() {
  rm -rf "$state/incoming"
  if [[ $1 ]]; then
    # A missing version would count as an empty payload, and remove everything.
    [[ -e $state/versions/$1/meta ]] || cannot_go_back "version $1, the one to go back to, no longer exists here"
    local from
    from=$(current_version)
    point_current_at "$1"
    activate "$state/versions/$1"
    [[ $from == "$1" ]] || switch_back_to "$state/versions/$1/scripts"
    forget_versions_but "$1"
    [[ $2 ]] || rm -f "$state/in-doubt"
    [[ ! -e $taken_from ]] || give_back
  else
    # A lost file or link looks the same as no previous version.
    [[ ! -e $state/applied ]] || cannot_go_back "there was a former version, but which one is not recorded here"
    activate ''
    forget_instance
  fi
}

cannot_go_back() {
  local then=''
  [[ ! -e $pending ]] || then=". Remove $pending there, then run 'pulumi up' again"
  fail "$1; what is in force stays$then"
}

# switch_to VERSION: this version is restored at boot, and kept by the supervisor.
switch_to() {
  point_current_at "$1"
  install_unit
  install_command
}
# switch_back_to SCRIPTS: undoes what switch_to installed or removed, by those of the version that is in force again.
switch_back_to() {
  local scripts=$1
  install_unit
  install_command
  went_back
}
# record VERSION: it is in force for good. Older versions are removed last, as a rollback may need them until then.
record() {
  settle
  stamp applied
  sync -f "$state"
  forget_versions_but "$1"
}
stamp() { now >"$state/$1.new" && replace "$state/$1.new" "$state/$1"; }

drop_instance() {
  if [[ -e $root/$1 ]]; then replace "$root/$1" "$root/.gone-$1"; fi
  rm -rf "$root/.gone-$1"
}

# The last step of a removal: one rename takes the instance away; the rest is tidying.
forget_instance() {
  remove_unit "$unit"
  remove_command
  drop_instance "$instance"
  forget_carried
  # The folder is empty after the last instance; then the lock goes, too.
  if rmdir "$root" 2>/dev/null; then rm -rf "$run"; else rm -f "$pending" "$pending.confirmed"; fi
}

# down_links: "links that are down here: NAME NAME", or nothing.
down_links() {
  ip -o link show 2>/dev/null | awk '
    !/[<,]LOWER_UP[,>]/ { name = $2; sub(/[:@].*/, "", name); names = names " " name }
    END { if (names != "") print "links that are down here:" names }' || true
}

# Hooks of a role. prepare: what it records after the mark, before its first change.
prepare() { :; }
# settle: the change is in force for good, and confirmed if it needed that.
settle() { :; }
# went_back: the version before is in force again, after a change that had been in force.
went_back() { :; }
# serves: does the daemon run that a change might stop?
serves() { :; }
# is_tried: has check shown that this change does not stop it?
is_tried() { :; }
# surroundings: configuration of others that a change depends on, as a checksum of one word.
surroundings() { say -; }
# changes DIR: does the machine differ from what DIR wants?
changes() { ! is_live "$1"; }
# better_kept DIR PREVIOUS: may an unconfirmed DIR stay in force, because PREVIOUS certainly serves no one?
better_kept() { false; }
# confirm_seconds DIR: how long a change waits for its confirmation before it is undone; 0: it needs none.
confirm_seconds() { say 0; }
# glance: sets "glanced" for the supervisor, a cheap text that differs when a full look is due; empty: a look is always due.
# shellcheck disable=SC2034 # read by restore.sh
glance() { glanced=''; }
# Does that text also change when a failure ends? Otherwise a failure is retried every second or two.
# shellcheck disable=SC2034 # read by restore.sh
glance_tells_all=
# await_change: waits until something may have changed.
await_change() { pause 1; }
# pause [SECONDS]: sleeps without a process; default: one second.
pause() {
  [[ ${never:-} ]] || exec {never}<> <(:)
  read -r -t "${1:-1}" -u "$never" _ || true
}
# hear SECONDS WHAT OWN: waits for a line of news.pl, at most so long. Fails when none came.
hear() {
  local seconds=$1 ended=0
  shift
  if [[ ! ${news:-} ]]; then
    # Its first line says that it listens now; earlier changes went unheard.
    exec {news}< <(exec perl "$scripts/news.pl" "$@" 2>/dev/null)
    news_from=$!
  fi
  read -r -t "$seconds" -u "$news" _ || ended=$?
  if ((ended == 0)); then return; fi
  if ((ended > 128)); then return 1; fi
  # It could not start, or has ended. Until the next attempt, everything is checked.
  stop_hearing
  pause 1
}
stop_hearing() {
  [[ ! ${never:-} ]] || exec {never}>&-
  never=
  [[ ${news:-} ]] || return 0
  exec {news}<&-
  kill "$news_from" 2>/dev/null || true
  news=
}
# A command for this machine's administrator.
install_command() { :; }
remove_command() { :; }
# sights: what a preview must know in addition to drift: WHAT TAB LINE.
sights() { :; }
# cleanup: what check may have left, however apply.sh ends.
cleanup() { :; }
# lock_beside: takes the lock that keeps activate from another run's, which holds the machine's lock. Fails where a role has none, and
# where that run does more than ask.
lock_beside() { return 1; }
# adapt DIR: makes DIR's want from pristine/want and what this machine itself has decided since (a guard's holds).
adapt() { :; }
# drift_base: the folder whose want and pristine/want are compared for drift: the version in force, or a temporary one.
drift_base() { say "$state/current"; }
# carry_role FROM TO: renames what the role keeps outside of the instance's folder, without an interruption.
carry_role() { :; }

# shellcheck source-path=SCRIPTDIR source=confirmation.sh
. "$scripts/confirmation.sh"
# shellcheck source-path=SCRIPTDIR source=differences.sh
. "$scripts/differences.sh"
# shellcheck source-path=SCRIPTDIR source=takeover.sh
. "$scripts/takeover.sh"
# shellcheck source=/dev/null
. "$scripts/role.sh"
