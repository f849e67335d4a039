#!/usr/bin/env bash
# npm run reference: makes docs/reference out of the doc comments; with --check says whether it is what they say.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."
[ "${1:-}" = --check ] || exec node_modules/.bin/typedoc

made="$(mktemp -d)"
trap 'rm -rf "$made"' EXIT
node_modules/.bin/typedoc --logLevel Error --out "$made"
diff --recursive docs/reference "$made" || {
  echo "docs/reference is out of date with the doc comments. Regenerate it: npm run reference"
  exit 1
}
