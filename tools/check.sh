#!/usr/bin/env bash
# npm run check: format, lint, floors, types, the reference, shell scripts, awk programs and quick unit tests, all at the same time. Under a
# minute, once the first run has filled the caches in node_modules/.cache.
set -euo pipefail
again="run check"
# shellcheck source-path=SCRIPTDIR source=prerequisites.sh
. "$(dirname "${BASH_SOURCE[0]}")/prerequisites.sh"
require_node
cd "$root"
require_programs "${check_programs[@]}"
require_npm_packages

bin=node_modules/.bin
cache=node_modules/.cache/check
names=(format lint floors types reference shell awk unit)
check_format() {
  "$bin/prettier" --check --log-level warn --cache --cache-strategy content --cache-location "$cache/prettier" .
}
check_lint() { "$bin/eslint" --max-warnings 0 --cache --cache-strategy content --cache-location "$cache/eslint" .; }
check_floors() { "$bin/depcruise" --config tools/floors.cjs --output-type err-long components cli lab bin plugin index.ts; }
check_types() { "$bin/tsc" --noEmit --incremental --tsBuildInfoFile "$cache/types"; }
check_reference() { bash tools/reference.sh --check; }
# What starts many programs, or tries many texts, is left to npm test.
check_unit() { "$bin/mocha" --config tests/unit/.mocharc.json --grep '\(slow\)' --invert; }
check_shell() {
  local scripts
  mapfile -d '' scripts < <(git ls-files -z --cached --others --exclude-standard '*.sh' .ci/run 'plugin/pulumi-resource-*')
  shellcheck --external-sources "${scripts[@]}"
}
# Each with the functions that it is run with: see awk_file in components/host/machine/lib.sh.
check_awk() {
  local file functions room
  while IFS= read -r -d '' file; do
    functions=(-f components/host/machine/lib.awk)
    room="${file#components/}"
    room="components/${room%%/*}/functions.awk"
    [[ ! -e "$room" ]] || functions+=(-f "$room")
    mawk -W dump "${functions[@]}" -f <(case "$file" in */lib.awk | */functions.awk) ;; *) cat -- "$file" ;; esac) >/dev/null || { echo "in $file"; return 1; }
  done < <(git ls-files -z --cached --others --exclude-standard '*.awk')
}

output="$(mktemp -d)"
trap 'rm -rf "$output"' EXIT
trap 'kill "${pids[@]}" 2>/dev/null; exit 130' INT TERM HUP
SECONDS=0
pids=()
for name in "${names[@]}"; do
  "check_$name" >"$output/$name" 2>&1 &
  pids+=($!)
done

failed=()
for i in "${!names[@]}"; do
  if wait "${pids[$i]}"; then
    printf 'ok      %s\n' "${names[$i]}"
  else
    failed+=("${names[$i]}")
    printf 'FAILED  %s\n' "${names[$i]}"
    cat "$output/${names[$i]}"
  fi
done
if [ "${#failed[@]}" -gt 0 ]; then
  printf -v list '%s, ' "${failed[@]}"
  echo "Failed: ${list%, } (${SECONDS} s)"
  exit 1
fi
echo "All checks passed (${SECONDS} s)"
