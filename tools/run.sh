#!/usr/bin/env bash
# What npm run demo, npm test, npm run test:full, npm run lab, npm run bench, npm run chaos and npm run pictures call: installs what is missing, then runs it.
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
  full) again="run test:full" ;;
  *)
    echo "usage: bash tools/run.sh demo|test|full|lab|bench|chaos|pictures [ARGUMENT ...]" >&2
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
# mocha only warns of a file that is not there, and the run is green without it.
require_tests() {
  local file
  for file; do
    [[ $file != *.ts || -n $(compgen -G "$file") ]] || {
      echo "There is no test $file, so no test was run. All: git ls-files 'tests/*.test.ts'" >&2
      exit 1
    }
  done
}
case "$verb" in test | full) require_tests "$@" ;; esac
require_programs "${lab_programs[@]}"
require_npm_packages

typescript=(node -r ts-node/register)
[ "$verb" != lab ] || exec "${typescript[@]}" lab/cli.ts "$@"

require_built engine base library
# shellcheck source-path=SCRIPTDIR source=engine/env.sh
. tools/engine/env.sh
mocha=(node_modules/.bin/mocha --config tests/.mocharc.json)
# Patterns, which mocha expands. Files that hand on their farm come first, each worker's from one to the next; files that must
# be alone come last: then no other test waits for them.
unit_tests=('tests/unit/**/*.test.ts')
lab_tests=('tests/lab/sharedFarm/*.test.ts' 'tests/package/**/*.test.ts' 'tests/lab/*.test.ts' 'tests/lab/services/*.test.ts' 'tests/lab/alone/*.test.ts')
case "$verb" in
  demo) exec "${typescript[@]}" lab/demo.ts "$@" ;;
  test)
    # Chosen tests in the order and with the output that one expects of mocha.
    [ $# -eq 0 ] || exec "${mocha[@]}" "$@" "${unit_tests[@]}" "${lab_tests[@]}"
    status=0
    "${mocha[@]}" --parallel --jobs 2 "${unit_tests[@]}" || status=1
    "${mocha[@]}" --parallel --jobs 2 --grep '\(story\)' "${lab_tests[@]}" || status=1
    echo "These were the unit tests and, for each capability, its stories. Left to npm run test:full: the other tests in tests/lab and tests/package."
    exit "$status"
    ;;
  full)
    # Python programs are one of the other languages. Debian's Python has no venv of its own.
    python3 -c 'import ensurepip' 2>/dev/null || require_programs ensurepip:python3-venv
    # All, or these files.
    [ $# -gt 0 ] || set -- "${unit_tests[@]}" "${lab_tests[@]}"
    exec "${mocha[@]}" --parallel --jobs 2 "$@"
    ;;
  bench) exec "${typescript[@]}" tests/bench/run.ts "$@" ;;
  chaos) exec "${typescript[@]}" tests/chaos/run.ts "$@" ;;
  pictures)
    require_programs chromium:chromium certutil:libnss3-tools Xvfb:xvfb xdotool:xdotool import:imagemagick
    exec "${typescript[@]}" tests/pictures/run.ts "$@"
    ;;
esac
