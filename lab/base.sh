#!/usr/bin/env bash
# Builds the disk that every lab machine is an overlay on: a Debian with all the packages, into CACHE/lab-base/SUITE-KEY.
# KEY is a hash of this script, so a changed list is a new base. RELEASE is 12 or 13, of the lab's machines and not of this
# host; LOOPBACK_HA_LAB_RELEASE when it is not given, and else 13.
#
#   base.sh [--release RELEASE]           build it if it is missing (progress: plain lines on stdout)
#   base.sh [--release RELEASE] --check   exit 0 if it is there
#   base.sh [--release RELEASE] --path    print where it is, or will be
set -euo pipefail
umask 022

release=${LOOPBACK_HA_LAB_RELEASE:-13}
packages=(
  systemd systemd-sysv dbus openssh-server sudo
  apache2 bind9 bind9-utils bind9-dnsutils frr postfix vsftpd openssl
  nftables conntrack iproute2 iputils-ping ifupdown netbase tcpdump
  perl-base procps curl less
  pebble php-fpm
)
# What a machine on a table in a lab never needs, and what would only slow its boot.
masked=(
  apt-daily.timer apt-daily-upgrade.timer dpkg-db-backup.timer e2scrub_all.timer e2scrub_reap.service
  fstrim.timer logrotate.timer man-db.timer console-getty.service systemd-networkd-wait-online.service
  systemd-journal-flush.service phpsessionclean.timer
)
# On the disk of every machine, running on none: the lab enables them by role.
disabled=(
  apache2.service apache-htcacheclean.service named.service frr.service networking.service nftables.service
  postfix.service vsftpd.service
)

say() { printf '%s\n' "$*"; }
fail() {
  printf 'lab base: %s\n' "$1" >&2
  printf 'next: %s\n' "$2" >&2
  exit 1
}

if [[ ${1:-} == --release ]]; then
  release=${2:-}
  shift 2 || true
fi
case $release in
  12) suite=bookworm ;;
  13) suite=trixie ;;
  *) fail "the lab does not support Debian '$release'" "release 12 or 13 (--release, LOOPBACK_HA_LAB_RELEASE)" ;;
esac

here=$(dirname "$(readlink -f "$0")")
cache=${LOOPBACK_HA_CACHE:-${XDG_CACHE_HOME:-$HOME/.cache}/pulumi-loopback-ha}
bases=$cache/lab-base
key=$(grep -v '^ *#' "$here/base.sh" | sha256sum | cut -c1-12)
base=$bases/$suite-$key
log=$base.log

case ${1:-} in
  --path) say "$base"; exit 0 ;;
  --check) [[ -d $base ]]; exit ;;
  '') ;;
  *) fail "unknown option '$1'" "base.sh [--release 12|13] [--check|--path]" ;;
esac

[[ $EUID == 0 ]] || fail "only root can build it" "run the same command as root"
command -v debootstrap >/dev/null || fail "debootstrap is not installed" "apt-get install debootstrap"

mkdir -p "$bases"
exec 9>"$bases/lock"
if ! flock -n 9; then
  say "another process builds a base: waiting for it (its log: $bases/*.log)"
  flock 9
fi
[[ ! -d $base ]] || exit 0

# What signs every release; without it debootstrap would take what it gets.
keyring=/usr/share/keyrings/debian-archive-keyring.gpg
[[ -e $keyring ]] || fail "the keys of the Debian archive are missing ($keyring)" "apt-get install debian-archive-keyring"

# The mirror and the proxy this host's own apt uses: any other may be out of reach. One of this suite, or any of Debian's
# archive, which has all suites. A host that is no Debian knows none.
# shellcheck disable=SC2016 # apt-get replaces these, not the shell
mirror=$(apt-get indextargets --format '$(SITE) $(RELEASE) $(COMPONENT)' 'Created-By: Packages' |
  awk -v suite="$suite" '
    $3 != "main" || $1 !~ /^https?:/ { next }
    $2 == suite && !own { own = $1 }
    $1 ~ /\/debian\/?$/ && !any { any = $1 }
    END { print own ? own : any }')
mirror=${mirror:-http://deb.debian.org/debian}
eval "$(apt-config shell http_proxy Acquire::http::Proxy https_proxy Acquire::https::Proxy)"
if [[ -n ${http_proxy:-} ]]; then export http_proxy; fi
if [[ -n ${https_proxy:-} ]]; then export https_proxy; fi

temporary=$bases/.building-$key-$$
trap 'rm -rf --one-file-system "$temporary"' EXIT
# Only the holder of the lock builds: whatever lies here was left by one that was killed.
rm -rf --one-file-system "$bases"/.building-*
mkdir "$temporary"

step() {
  say "$1"
  shift
  "$@" >>"$log" 2>&1 </dev/null || {
    tail -n 15 "$log" >&2
    fail "failed: $*" "read $log, then run the same command again"
  }
}
inside() {
  chroot "$temporary" /usr/bin/env -i PATH=/usr/sbin:/usr/bin:/sbin:/bin HOME=/root LC_ALL=C.UTF-8 \
    DEBIAN_FRONTEND=noninteractive http_proxy="${http_proxy:-}" "$@"
}

: >"$log"
step "1/4 Debian $release ($suite) from $mirror" debootstrap --keyring="$keyring" --variant=minbase "$suite" "$temporary" "$mirror"

cat >"$temporary/etc/dpkg/dpkg.cfg.d/lab" <<'END'
force-unsafe-io
path-exclude=/usr/share/doc/*
path-exclude=/usr/share/man/*
path-exclude=/usr/share/info/*
path-exclude=/usr/share/locale/*
END
# No daemon may start in the build folder: it would run on this host.
printf '#!/bin/sh\nexit 101\n' >"$temporary/usr/sbin/policy-rc.d"
chmod 755 "$temporary/usr/sbin/policy-rc.d"

step "2/4 package lists" inside apt-get update
step "3/4 ${#packages[@]} packages: ${packages[*]}" inside apt-get install -y --no-install-recommends "${packages[@]}"

finish() {
  inside apt-get clean
  rm -rf "$temporary"/var/lib/apt/lists/* "$temporary"/var/cache/apt/*.bin "$temporary/usr/sbin/policy-rc.d"
  rm -rf "$temporary"/usr/share/{doc,man,info,locale}/*
  rm -f "$temporary"/etc/ssh/ssh_host_* "$temporary/etc/machine-id" "$temporary/var/lib/dbus/machine-id"
  rm -f "$temporary"/etc/{resolv.conf,hostname} "$temporary"/var/log/{dpkg,bootstrap,alternatives}.log
  rm -f "$temporary/etc/apt/sources.list"

  inside useradd --create-home --shell /bin/bash --uid 1001 deploy
  inside useradd --create-home --shell /bin/bash --uid 1002 norights
  printf 'deploy ALL=(ALL) NOPASSWD: ALL\n' >"$temporary/etc/sudoers.d/deploy"
  chmod 440 "$temporary/etc/sudoers.d/deploy"
  printf 'PasswordAuthentication no\nPermitRootLogin prohibit-password\n' \
    >"$temporary/etc/ssh/sshd_config.d/lab.conf"
  # A new network namespace inherits these from the host, which may be a router itself.
  printf 'net.ipv4.%s = 0\n' ip_forward conf.all.rp_filter conf.all.arp_ignore conf.all.arp_announce \
    >"$temporary/usr/lib/sysctl.d/10-lab.conf"

  local php
  php=$(basename "$temporary"/lib/systemd/system/php*-fpm.service) # has PHP's version in its name
  systemctl --root="$temporary" disable "${disabled[@]}" "$php"
  systemctl --root="$temporary" mask "${masked[@]}"
  systemctl --root="$temporary" enable systemd-networkd.service ssh.service
}
step "4/4 users, services, clean up" finish

mv -T "$temporary" "$base"
say "ready: $(du -sh "$base" | cut -f1) in $base"

# An older base of this release stays as long as some lab has disks on it.
for old in "$bases/$suite"-*/; do
  old=${old%/}
  if [[ $old == "$base" ]] || grep -qsxF "$old" "$cache"/labs/*/base; then continue; fi
  say "removing the older base $old"
  rm -rf --one-file-system "$old" "$old.log"
done
