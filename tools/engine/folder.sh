# shellcheck shell=bash
# Sourced: which engine is used, and where our build of it lies.

engine_source="$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)"
engine_cache="${LOOPBACK_HA_CACHE:-${XDG_CACHE_HOME:-$HOME/.cache}/pulumi-loopback-ha}/engine"

# Is the first pulumi on PATH one that somebody installed, rather than one of our builds?
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
