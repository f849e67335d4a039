#!/bin/bash
# Removes what apply.sh brought, and nothing else. Can be run again after an interruption.
# shellcheck source-path=SCRIPTDIR
. "${BASH_SOURCE[0]%/*}/lib.sh"
trap '' HUP INT TERM PIPE

take_lock
activate ''
forget_instance
say "$machine: $instance removed"
