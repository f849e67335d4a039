#!/usr/bin/env bash
# Builds the Pulumi engine, two language hosts and two providers from Go modules into the cache, for machines that
# reach no download site. Prints nothing and ends at once when the build is there. Safe to interrupt and to run twice.
set -euo pipefail

here="$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)"
# shellcheck source-path=SCRIPTDIR source=folder.sh
. "$here/folder.sh"

folder="$(engine_folder)"
[ -e "$folder/complete" ] && exit 0

# The version that a go.mod names for a module.
module_version() { sed -nE "s|^(require )?[[:space:]]*$2 (v[^ ]+).*|\2|p" "$here/$1/go.mod"; }

pulumi_version="$(module_version pulumi github.com/pulumi/pulumi/pkg/v3)"
command_version="$(npm_version @pulumi/command)"
random_version="$(npm_version @pulumi/random)"
if [ "$pulumi_version" != "v$(npm_version @pulumi/pulumi)" ]; then
  echo "tools/engine/pulumi/go.mod has Pulumi $pulumi_version, package.json pins $(npm_version @pulumi/pulumi): make them equal." >&2
  exit 1
fi

lock_engine_cache "$folder"

# Not removed first: what an interrupted build finished stays, and Go itself sees what is out of date.
building="$folder.building"
mkdir -p "$building/bin" "$building/home"

# build MODULE OUTPUT PACKAGE [VARIABLE=VERSION]
build() {
  local started=$SECONDS
  echo "Building ${2##*/}"
  # The user's own GOFLAGS and go.work must not reach in here; GOTOOLCHAIN=local fetches no other Go. What debuggers
  # need would be stripped anyway: not made at all, it takes a tenth to a quarter less time.
  (cd "$here/$1" && GOFLAGS=-mod=readonly GOWORK=off GOTOOLCHAIN=local CGO_ENABLED=0 \
    go build -trimpath -gcflags all=-dwarf=false -ldflags "-s -w ${4:+-X $4}" -o "$building/$2" "$3")
  echo "Built ${2##*/} in $((SECONDS - started)) s"
}

build pulumi bin/pulumi github.com/pulumi/pulumi/pkg/v3/cmd/pulumi \
  "github.com/pulumi/pulumi/sdk/v3/go/common/version.Version=$pulumi_version"
build language-nodejs bin/pulumi-language-nodejs github.com/pulumi/pulumi/sdk/v3/nodejs/cmd/pulumi-language-nodejs
build language-yaml bin/pulumi-language-yaml github.com/pulumi/pulumi-yaml/cmd/pulumi-language-yaml
build resource-command "home/plugins/resource-command-v$command_version/pulumi-resource-command" \
  github.com/pulumi/pulumi-command/provider/cmd/pulumi-resource-command \
  "github.com/pulumi/pulumi-command/provider/pkg/version.Version=$command_version"
build resource-random "home/plugins/resource-random-v$random_version/pulumi-resource-random" . \
  "main.version=$random_version"

put_engine_in_place "$building" "$folder"
