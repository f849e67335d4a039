#!/bin/bash
# Runs lib.sh's steps ($1: the folder of the host scripts) with /etc/systemd/system and /var/lib on file systems of their
# own ($2: ext4 or xfs), in a mount namespace. A copy of both images, made while they are mounted, is what a power cut
# leaves; what it holds is said. With "each" ($3) the power is cut before and after each step that changes the disk, and
# only what a boot would not get along with is said, and how many cuts there were.
# shellcheck disable=SC2016,SC2086 # paths of ours
set -euo pipefail
scripts=$1 kind=$2 how=${3:-}
if [[ ${4:-} != inside ]]; then exec unshare --mount --propagation private bash "$0" "$scripts" "$kind" "$how" inside; fi

mount -t tmpfs tmpfs /run
work=/run/power-cut
# What a copy holds, while look has it mounted.
cut_etc=$work/after/etc cut_state=$work/after/var/loopback-ha/p.s.c.fake
mkdir -p $work/bundle/scripts $work/after /run/loopback-ha
for place in etc var; do
  # XFS wants 300 MB.
  truncate -s 320M "$work/$place.img"
  "mkfs.$kind" -q "$work/$place.img"
done

mount -o loop "$work/etc.img" /etc/systemd/system
mount -o loop "$work/var.img" /var/lib

# The unit's links; the rest of systemd is not what is asked here. In the program's place, as lib.sh calls that.
cat >$work/systemctl <<'SYSTEMCTL'
#!/bin/bash
case "$1" in
  is-enabled | is-active) [[ -e /run/power-cut/enabled ]] ;;
  enable) mkdir -p /etc/systemd/system/multi-user.target.wants && ln -sf /etc/systemd/system/"${*: -1}" /etc/systemd/system/multi-user.target.wants/ && touch /run/power-cut/enabled ;;
  disable) rm -f /etc/systemd/system/multi-user.target.wants/* /run/power-cut/enabled ;;
esac
SYSTEMCTL
chmod +x $work/systemctl
mount --bind $work/systemctl "$(PATH=/usr/sbin:/usr/bin:/sbin:/bin type -P systemctl)"

cp "$scripts"/*.{sh,awk} $work/bundle/scripts/
cat >$work/bundle/scripts/role.sh <<'ROLE'
readonly ours=$units/ours.conf
check() { :; }
is_live() { cmp -s "$1/want/text" "$ours"; }
activate() { if [[ $1 ]]; then install_file "$ours" 644 <"$1/want/text"; elif [[ -e $ours ]]; then delete "$ours"; fi; }
verify() { :; }
report() { say applied; }
drift() { :; }
ROLE
echo "unit of @INSTANCE@" >$work/bundle/scripts/unit.service

# look COMMAND...: with the copy mounted.
look() {
  cp --reflink=never --sparse=always $work/etc.img $work/etc.cut
  cp --reflink=never --sparse=always $work/var.img $work/var.cut
  local options=loop place
  # A copy has the same name as what is mounted.
  [[ $kind != xfs ]] || options+=,nouuid
  for place in etc var; do
    mkdir -p "$work/after/$place"
    mount -o "$options" "$work/$place.cut" "$work/after/$place"
  done
  "$@"
  umount $work/after/etc $work/after/var
}
cut() { look summary "$1"; }
summary() {
  echo "$1: text=$(cat $cut_etc/ours.conf 2>/dev/null || echo none) unit=$(cat $cut_etc/loopback-ha.*.service 2>/dev/null || echo none)" \
    "link=$(find $cut_etc -type l | wc -l)" \
    "current=$(readlink "$cut_state/current" || echo none) applied=$([[ -s $cut_state/applied ]] && echo yes || echo no)"
}
# What a boot finds: a version in force that is whole, or none; and without the mark all that it wants, but for a removal,
# which can be run again.
judge() {
  local text unit version file
  text=$(cat $cut_etc/ours.conf 2>/dev/null || echo none)
  unit=$(cat $cut_etc/loopback-ha.*.service 2>/dev/null || echo none)
  version=$(readlink "$cut_state/current" || true)
  version=${version##*/}
  [[ $text == @(one|two|none) ]] || echo "$1: the text is '$text'"
  [[ $unit == @(none|'unit of p.s.c.fake') ]] || echo "$1: the unit is '$unit'"
  if [[ -L $cut_state/current ]]; then
    for file in meta want/text scripts/apply.sh scripts/lib.sh scripts/restore.sh; do
      [[ -s $cut_state/current/$file ]] || echo "$1: $file of version $version is not there"
    done
    [[ $(cat "$cut_state/current/want/text" || true) == "$version" ]] || echo "$1: version $version wants something else"
    [[ $1 == removal* || -e $cut_state/in-doubt || ($text == "$version" && $unit != none && $(find $cut_etc -type l)) ]] ||
      echo "$1: version $version without a mark, with the text '$text' and the unit '$unit'"
  elif [[ -e $cut_state ]]; then
    [[ -e $cut_state/in-doubt || $text$unit == nonenone ]] || echo "$1: a folder without version and mark"
  else
    [[ $text == none || $(find $work/after/var -name '.gone-*') ]] || echo "$1: the text is left alone"
  fi
} 2>/dev/null
# at_each_step NAME SCRIPT: what it runs, with a cut before each command that changes something.
at_each_step() {
  local name=$1
  export -f look judge
  export work kind name cut_etc cut_state
  echo 0 >$work/cuts
  bash -c '
    at_step() {
      case $1 in
        "mv "* | "sync "* | "rm "* | "ln "* | "cp "* | "install "* | "mkdir "* | "rmdir "*) ;;
        *) return 0 ;;
      esac
      echo $(($(<$work/cuts) + 1)) >$work/cuts
      bash -c "look judge \"\$1\"" cut "$name, before: $1" >&9
      return 0
    }
    set -T; trap "at_step \"\$BASH_COMMAND\"" DEBUG; . "$0"' "$2" 9>&1 >/dev/null
  # Those of subshells are counted, too.
  echo "$name: $(<$work/cuts) cuts"
}
want() {
  mkdir -p $work/bundle/want
  echo "$1" >$work/bundle/want/text
  printf '%s\n' instance=p.s.c.fake machine=m1 role=fake stack=s "version=$1" >$work/bundle/meta
}

if [[ $how == each ]]; then
  for text in one two; do
    want $text
    at_each_step "to $text" $work/bundle/scripts/apply.sh
    rm /var/lib/loopback-ha/p.s.c.fake/in-doubt 2>/dev/null || true
  done
  at_each_step removal $work/bundle/scripts/remove.sh
  exit
fi

want one
bash $work/bundle/scripts/apply.sh >/dev/null
cut first
want two
bash $work/bundle/scripts/apply.sh >/dev/null
cut second
bash $work/bundle/scripts/remove.sh >/dev/null
cut removed
