#!/usr/bin/env bash
# release.sh FOLDER: makes there what a release consists of: the package, its schema, the plugin with all that it needs,
# which an engine gets without npm, what changed, and checksums.
# release.sh --check TAG ADDRESS: whether that tag of the repository at that address can be released as things are.
set -euo pipefail

root="$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd)"
# shellcheck source-path=SCRIPTDIR source=engine/folder.sh
. "$root/tools/engine/folder.sh"

refuse() {
  printf '%s\n' "$1" >&2
  exit 1
}
# field NAME: of package.json; empty where it has none.
field() { node -p 'const { [process.argv[1]]: value = "" } = require(process.argv[2]); value.url ?? value' "$1" "$root/package.json"; }
version="$(field version)"

# The changelog's part about this version.
notes() { awk -v heading="## $version" '/^## /{ ours = index($0 " ", heading " ") == 1; next } ours' "$root/CHANGELOG.md"; }

check() {
  local tag=$1 address=$2 repository
  [ "$tag" = "v$version" ] ||
    refuse "The tag is $tag, and package.json has version $version: make them equal, as by npm version, and tag again. Nothing was published."
  [[ "$(notes)" == *[![:space:]]* ]] ||
    refuse "CHANGELOG.md says nothing of $version: make its Unreleased part '## $version', and tag again. Nothing was published."
  repository="$(field repository)"
  [ -n "$repository" ] ||
    refuse "package.json names no repository, and npm gives no provenance without one: npm pkg set repository.type=git repository.url=git+$address.git, commit, and tag again. Nothing was published."
  repository="${repository#git+}"
  [ "${repository%.git}" = "$address" ] ||
    refuse "package.json names the repository $repository, and this is $address: npm would refuse the provenance. Nothing was published."
}

make() {
  local into=$1 archive staging binaries system processor
  mkdir -p "$into"
  into="$(cd "$into" && pwd)"
  staging="$(mktemp -d)"
  # shellcheck disable=SC2064 # as it is now
  trap "rm -rf -- $(printf %q "$staging")" EXIT

  (cd "$root" && npm pack --pack-destination "$into" >/dev/null)
  cp "$root/dist/schema.json" "$into/schema.json"
  notes >"$into/notes.md"

  (cd "$staging" && npm init --yes >/dev/null &&
    npm install --ignore-scripts --no-audit --no-fund --prefer-offline \
      "$into/pulumi-loopback-ha-$version.tgz" "@pulumi/pulumi@$(npm_version @pulumi/pulumi)" >/dev/null)
  binaries="$(find "$staging" -name '*.node')"
  # One archive serves all systems only as long as all of it is JavaScript.
  [ -z "$binaries" ] || refuse "The plugin is for all systems, and these are for one: $binaries"
  # shellcheck disable=SC2016 # for the plugin's own shell
  printf '#!/bin/sh\nexec node "$(dirname "$0")/node_modules/pulumi-loopback-ha/plugin/index.cjs" "$@"\n' \
    >"$staging/pulumi-resource-loopback-ha"
  chmod 755 "$staging/pulumi-resource-loopback-ha"
  # Under the names that an engine asks for.
  archive="$into/pulumi-resource-loopback-ha-v$version"
  tar -czf "$archive-linux-amd64.tar.gz" -C "$staging" pulumi-resource-loopback-ha node_modules
  for system in linux darwin; do
    for processor in amd64 arm64; do
      [ "$system-$processor" = linux-amd64 ] || cp "$archive-linux-amd64.tar.gz" "$archive-$system-$processor.tar.gz"
    done
  done
  (cd "$into" && sha256sum -- *.tgz *.tar.gz *.json *.md >checksums.txt)
}

case "${1:-}" in
  --check) check "${2:?the tag}" "${3:?the address of its repository}" ;;
  "" | -*) refuse "usage: bash tools/release.sh FOLDER | --check TAG ADDRESS" ;;
  *) make "$1" ;;
esac
