#!/usr/bin/env bash
# The environment in which the Pulumi engine is found. Two ways to use it:
#   . tools/engine/env.sh             exports the variables into this shell; status 1 if there is no engine
#   tools/engine/env.sh COMMAND ...   runs COMMAND with them
#
# An installed pulumi comes first, with its own home and plugins; LOOPBACK_HA_ENGINE=build takes our build all
# the same. Backend and passphrase are the caller's: PULUMI_BACKEND_URL, PULUMI_CONFIG_PASSPHRASE.

# shellcheck source-path=SCRIPTDIR source=folder.sh
. "$(dirname "${BASH_SOURCE[0]}")/folder.sh"

engine_env() {
  local folder
  engine_is_installed && return 0
  folder="$(engine_folder)"
  if [ ! -e "$folder/complete" ]; then
    echo "No Pulumi engine: install Pulumi (https://www.pulumi.com/docs/install/), or build one from Go modules: bash tools/engine/build.sh" >&2
    return 1
  fi
  touch -c "$folder/complete" # build.sh removes what has not been used for a month
  [ "$(type -P pulumi)" = "$folder/bin/pulumi" ] || export PATH="$folder/bin:$PATH"
  export PULUMI_HOME="$folder/home"
  # Each of these would otherwise try to reach the internet, and wait for it.
  export PULUMI_SKIP_UPDATE_CHECK=true
  export PULUMI_DISABLE_AUTOMATIC_PLUGIN_ACQUISITION=true
  export PULUMI_DISABLE_REGISTRY_RESOLVE=true
}

if [ "${BASH_SOURCE[0]}" != "$0" ]; then
  engine_env
elif [ $# -eq 0 ]; then
  echo "usage: tools/engine/env.sh COMMAND [ARGUMENT ...]" >&2
  exit 2
else
  engine_env && exec "$@"
fi
