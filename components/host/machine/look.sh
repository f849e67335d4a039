#!/bin/bash
# What all instances on this machine hold differently from what was applied, for observe.sh: one command for root, however
# many zones a name server has. Changes nothing.
for script in /var/lib/loopback-ha/*/current/scripts/drift.sh; do
  [[ ! -e $script ]] || printf '%s\0' "$script"
done | timeout -k 1 8 xargs -0 -r -n 1 -P 4 bash
# One that failed or took too long has said nothing, and that is seen.
exit 0
