#!/usr/bin/env bash
# Downloads the Pulumi engine of the pinned version, with its language hosts, and two providers into the cache, where
# build.sh would build them. Prints nothing and ends at once when they are there. Status 3: the site is out of reach.
#   download.sh [--check]   with --check it only asks whether the site answers, for 8 s at most
set -euo pipefail

here="$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)"
# shellcheck source-path=SCRIPTDIR source=folder.sh
. "$here/folder.sh"

site="${LOOPBACK_HA_ENGINE_SITE:-https://get.pulumi.com/releases}"
folder="$(engine_folder)"
version="$(npm_version @pulumi/pulumi)"
case "$(uname -m)" in
  x86_64) archive="pulumi-v$version-linux-x64.tar.gz" ;;
  aarch64) archive="pulumi-v$version-linux-arm64.tar.gz" ;;
  *) echo "Pulumi offers no download for $(uname -m)." >&2 && exit 3 ;;
esac

fetch() { curl --fail --silent --show-error --location --connect-timeout 3 "$@"; }
unreachable() {
  echo "$site is out of reach${1:+: $1}" >&2
  exit 3
}
[ "${1:-}" = --check ] || [ ! -e "$folder/complete" ] || exit 0
sums="$(fetch --max-time 8 "$site/sdk/pulumi-$version-checksums.txt" 2>&1)" || unreachable "$(tail -n 1 <<<"$sums")"
[ "${1:-}" != --check ] || exit 0
expected="$(awk -v name="$archive" '$2 == name' <<<"$sums")"
[ -n "$expected" ] || unreachable "it has no checksum of $archive"

lock_engine_cache "$folder"
building="$folder.downloading"
rm -rf "$building"
mkdir -p "$building/bin" "$building/home"
cd "$building"
echo "Downloading $archive"
# One that trickles is out of reach, too.
fetch --speed-limit 50000 --speed-time 15 --output "$archive" "$site/sdk/$archive" || unreachable "$archive did not come"
sha256sum --check --quiet <<<"$expected" || {
  rm "$archive"
  echo "$archive does not match its checksum: it was deleted." >&2
  exit 1
}
tar -xzf "$archive" -C bin --strip-components 1
rm "$archive"
for provider in command random; do
  echo "Downloading the provider $provider"
  PULUMI_HOME="$building/home" PULUMI_SKIP_UPDATE_CHECK=true timeout 120 bin/pulumi plugin install resource "$provider" \
    "$(npm_version "@pulumi/$provider")" --server "$site/plugins" || unreachable "the provider $provider did not come"
done
put_engine_in_place "$building" "$folder"
