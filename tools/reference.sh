#!/usr/bin/env bash
# npm run reference: makes docs/reference out of the doc comments, and the tables of options in docs out of the commands; with --check
# says whether docs/reference is what the comments say. The tables are checked by tests/unit/docs.test.ts.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."
if [ "${1:-}" != --check ]; then
  node -r ts-node/register tools/optionTables.ts
  exec node_modules/.bin/typedoc
fi

made="$(mktemp -d)"
trap 'rm -rf "$made"' EXIT
node_modules/.bin/typedoc --logLevel Error --out "$made"
diff --recursive docs/reference "$made" || {
  echo "docs/reference is out of date with the doc comments. Regenerate it: npm run reference"
  exit 1
}
