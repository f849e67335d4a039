# shellcheck shell=bash
# Runs on the machine as the input of "bash -s confirm MACHINE VERSION-FOLDER TOKEN [WHAT-MAKES-ONE-ROOT ...]", over a second,
# fresh ssh connection, which shows that it can still be reached. A change that was undone has left no folder.
# Read as a whole: what follows on stdin is settle.sh's.
{
  shift
  settle=$2/scripts/settle.sh
  if [ -e "$settle" ]; then exec "${@:4}" bash "$settle" "$3"; fi
  echo "$1: the confirmation came too late: the change was undone and the previous state is in force. Run 'pulumi up' again" >&2
  exit 1
}
