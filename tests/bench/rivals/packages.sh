#!/usr/bin/env bash
# What the rivals need on the lab's machines and the lab's disk lacks: downloads it once, for that disk, into
# CACHE/lab-packages/KEY, and prints that folder. Installed it is on the machines alone: the disk would grow for everyone.
#
#   packages.sh BASE PACKAGE…
set -euo pipefail
umask 022

base=$1
shift
cache=${LOOPBACK_HA_CACHE:-${XDG_CACHE_HOME:-$HOME/.cache}/pulumi-loopback-ha}/lab-packages
folder=$cache/$(basename "$base")-$(printf '%s\n' "$@" | sha256sum | cut -c1-12)

fail() {
  printf 'packages for the lab: %s\n' "$1" >&2
  printf 'next: %s\n' "$2" >&2
  exit 1
}
suite_of() { sed -n 's/^VERSION_CODENAME=//p' "$1/etc/os-release"; }

if [[ -d $folder ]]; then
  printf '%s\n' "$folder"
  exit
fi
command -v apt-get >/dev/null || fail "there is no apt-get here" "run this on Debian $(suite_of "$base")"
[[ $(suite_of /) == "$(suite_of "$base")" ]] ||
  fail "this host's apt knows the packages of '$(suite_of /)', the lab's machines need those of '$(suite_of "$base")'" "run this on Debian $(suite_of "$base")"

mkdir -p "$cache"
temporary=$(mktemp -d "$cache/.download-XXXXXX")
trap 'rm -rf "$temporary"' EXIT
mkdir -p "$temporary/partial"
download() {
  # apt downloads as a user of its own, who may not come as far as this folder.
  apt-get -o APT::Sandbox::User=root -o Dir::State::status="$base/var/lib/dpkg/status" \
    -o Dir::Cache::archives="$temporary" -o Debug::NoLocking=1 \
    --yes --download-only --no-install-recommends install "$@" >"$temporary/log" 2>&1
}
download "$@" || { apt-get update >"$temporary/log" 2>&1 && download "$@"; } ||
  fail "apt-get can't download them: $(grep '^E:' "$temporary/log" | head -n 3 | tr '\n' ' ')" "apt-get update, then the same command again"
rm -rf "$temporary/partial" "$temporary/log" "$temporary/lock"
mv -T "$temporary" "$folder"
printf '%s\n' "$folder"
