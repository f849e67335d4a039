#!/bin/bash
# All differences from what was applied, of all instances on this machine, for observe.sh: one command as root, even for hundreds of
# zones. Changes nothing.
for script in /var/lib/loopback-ha/*/current/scripts/drift.sh; do
  [[ ! -e $script ]] || printf '%s\0' "$script"
done | timeout -k 1 8 xargs -0 -r -n 1 -P 4 bash
# One that failed or took too long has printed nothing, and observe.ts sees that.
exit 0
