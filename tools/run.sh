#!/usr/bin/env bash
# What npm run demo, npm test, npm run lab, npm run bench, npm run chaos and npm run pictures call: installs what is missing, then runs it.
if [ -z "${BASH_VERSINFO:-}" ] || [ "${BASH_VERSINFO[0]}" -lt 4 ]; then
  echo "bash 4 or newer is needed." >&2
  exit 1
fi
set -euo pipefail

verb=${1:-}
[ $# -eq 0 ] || shift
case "$verb" in
  demo | lab | bench | chaos | pictures) again="run $verb" ;;
  test) again="test" ;;
  *)
    echo "usage: bash tools/run.sh demo|test|lab|bench|chaos|pictures [ARGUMENT ...]" >&2
    exit 2
    ;;
esac
[ "$verb" != lab ] || again="run lab --${*:+ $*}"

# shellcheck source-path=SCRIPTDIR source=prerequisites.sh
. "$(dirname "${BASH_SOURCE[0]}")/prerequisites.sh"
require_linux
require_root
require_node
cd "$root"
require_programs "${lab_programs[@]}"
require_npm_packages

typescript=(node -r ts-node/register)
if [ "$verb" = lab ]; then
  [ "${1:-}" != up ] || require_built base
  exec "${typescript[@]}" examples/lab/cli.ts "$@"
fi

require_built engine base
# shellcheck source-path=SCRIPTDIR source=engine/env.sh
. tools/engine/env.sh
case "$verb" in
  demo) exec "${typescript[@]}" examples/lab/demo.ts "$@" ;;
  test)
    # All of them two files at a time; a chosen few in the order and with the output that one expects of mocha.
    [ $# -gt 0 ] || set -- --parallel --jobs 2
    exec node_modules/.bin/mocha --config tests/.mocharc.json "$@"
    ;;
  bench) exec "${typescript[@]}" tests/bench/run.ts "$@" ;;
  chaos) exec "${typescript[@]}" tests/chaos/run.ts "$@" ;;
  pictures) exec "${typescript[@]}" tests/pictures/run.ts "$@" ;;
esac
