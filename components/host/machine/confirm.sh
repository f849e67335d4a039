# shellcheck shell=bash
# Runs on the machine as the input of "bash -s confirm MACHINE VERSION-FOLDER TOKEN [SUDO ...]", over a second, fresh ssh connection:
# that connection shows that the machine can still be reached. After a change was undone, its folder is gone.
# In braces, so that bash reads it whole: the rest of stdin is for settle.sh.
{
  shift
  settle=$2/scripts/settle.sh
  if [ -e "$settle" ]; then exec "${@:4}" bash "$settle" "$3"; fi
  echo "$1: the confirmation came too late: the change was undone and the previous state is in force. Run 'pulumi up' again" >&2
  exit 1
}
