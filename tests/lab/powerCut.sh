#!/bin/bash
# Runs lib.sh's steps ($1: the folder of the host scripts) with /etc/systemd/system and /var/lib on file systems of their
# own ($2: ext4 or xfs), in a mount namespace. A copy of both images, made while they are mounted, is what a power cut
# leaves; what it holds is said.
# shellcheck disable=SC2016,SC2034
set -euo pipefail
scripts=$1 kind=$2
if [[ ${3:-} != inside ]]; then exec unshare --mount --propagation private bash "$0" "$scripts" "$kind" inside; fi

mount -t tmpfs tmpfs /run
work=/run/power-cut
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

cp "$scripts"/*.sh $work/bundle/scripts/
cat >$work/bundle/scripts/concern.sh <<'CONCERN'
readonly ours=$units/ours.conf
check() { :; }
is_live() { cmp -s "$1/want/text" "$ours"; }
activate() { if [[ $1 ]]; then install_file "$ours" 644 <"$1/want/text"; elif [[ -e $ours ]]; then delete "$ours"; fi; }
verify() { :; }
report() { say applied; }
drift() { :; }
CONCERN
echo "unit of @INSTANCE@" >$work/bundle/scripts/unit.service

cut() {
  cp --reflink=never --sparse=always $work/etc.img $work/etc.cut
  cp --reflink=never --sparse=always $work/var.img $work/var.cut
  local options=loop place
  # A copy has the same name as what is mounted.
  [[ $kind != xfs ]] || options+=,nouuid
  for place in etc var; do
    mkdir -p "$work/after/$place"
    mount -o "$options" "$work/$place.cut" "$work/after/$place"
  done
  local etc=$work/after/etc state=$work/after/var/loopback-ha/p.s.c.fake
  echo "$1: text=$(cat $etc/ours.conf 2>/dev/null || echo none) unit=$(cat $etc/loopback-ha.*.service 2>/dev/null || echo none)" \
    "link=$(find $etc -type l | wc -l)" \
    "current=$(readlink "$state/current" || echo none) applied=$([[ -s $state/applied ]] && echo yes || echo no)"
  umount $work/after/etc $work/after/var
}
wish() {
  mkdir -p $work/bundle/want
  echo "$1" >$work/bundle/want/text
  printf '%s\n' instance=p.s.c.fake machine=m1 concern=fake stack=s "version=$1" >$work/bundle/meta
}

wish one
bash $work/bundle/scripts/apply.sh >/dev/null
cut first
wish two
bash $work/bundle/scripts/apply.sh >/dev/null
cut second
bash $work/bundle/scripts/remove.sh >/dev/null
cut removed
