#!/usr/bin/env bash
# Prints the path of promtool, which judges docs/monitoring and what the watcher serves: the one on PATH, or that of Debian's
# package prometheus. That is unpacked into the cache and not installed, as it would start a service.
set -euo pipefail
cache="${LOOPBACK_HA_CACHE:-${XDG_CACHE_HOME:-$HOME/.cache}/pulumi-loopback-ha}"
folder="$cache/prometheus"
program="$folder/usr/bin/promtool"

if type -P promtool; then exit; fi
if [ ! -x "$program" ]; then
  type -P apt-get >/dev/null || { echo "promtool is missing, and there is no apt-get here: install Prometheus" >&2; exit 1; }
  mkdir -p "$cache"
  exec 9>"$cache/prometheus.lock"
  flock 9
fi
if [ ! -x "$program" ]; then
  made="$(mktemp -d "$cache/.prometheus-XXXXXX")"
  trap 'rm -rf "$made"' EXIT
  chmod 755 "$made"
  cd "$made"
  # Fails at once without package lists, or with outdated ones: then, and only then, they are fetched.
  apt-get download prometheus >&2 || { apt-get update >&2 && apt-get download prometheus >&2; }
  dpkg-deb --extract prometheus_*.deb unpacked
  rm -rf "$folder"
  mv -T unpacked "$folder"
fi
echo "$program"
