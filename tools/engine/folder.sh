# shellcheck shell=bash
# Sourced: which engine is used, where our own lies, and how it comes there.

engine_source="$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)"
engine_cache="${LOOPBACK_HA_CACHE:-${XDG_CACHE_HOME:-$HOME/.cache}/pulumi-loopback-ha}/engine"

# Is the first pulumi on PATH an installed one, rather than one built here?
engine_is_installed() {
  local found
  [ "${LOOPBACK_HA_ENGINE:-}" != build ] && found="$(type -P pulumi)" && [[ "$found" != "$engine_cache"/* ]]
}

# The folder is named by all that the build is made of, so other ingredients are another folder.
engine_folder() {
  local key
  key="$(
    cd "$engine_source" || exit 1
    {
      GOTOOLCHAIN=local go env GOVERSION 2>/dev/null
      grep -E '"@pulumi/(command|random)":' ../../package.json
      cat build.sh ./*/go.mod ./*/go.sum ./*/*.go
    } | sha256sum
  )"
  printf '%s/%s\n' "$engine_cache" "${key:0:16}"
}

# The version that package.json pins for an npm package.
npm_version() { sed -nE "s|^ *\"$1\": \"([0-9][^\"]*)\",?$|\1|p" "$engine_source/../../package.json"; }

# lock_engine_cache FOLDER: one run at a time builds an engine; a run that waited finds it built, and ends.
lock_engine_cache() {
  mkdir -p "$engine_cache"
  exec 9>"$engine_cache/lock"
  flock --nonblock 9 && return
  echo "Another run is building the engine: waiting for it."
  flock 9
  [ ! -e "$1/complete" ] || exit 0
}

# put_engine_in_place BUILDING FOLDER
put_engine_in_place() {
  local old
  "$1/bin/pulumi" version >/dev/null
  touch "$1/complete"
  rm -rf "$2"
  mv "$1" "$2"
  # Those of other ingredients, unused for a month, and halves of them.
  for old in "$engine_cache"/*/; do
    if [ -z "$(find "$old" -maxdepth 1 \( -name complete -o -name bin \) -mtime -30 -print -quit)" ]; then rm -rf "$old"; fi
  done
}
