#!/bin/bash
# Works out the guard's moves before a server dies: guardPlan.sh NUMBER [SERVER...]. guard.pl runs it for each generation (see guard.sh),
# from the scripts of the version in force. Makes $guard_folder/plan.NUMBER:
#   facts        want/settings, machine, dir, and shared_source: yes if a run's health check would divert the guard's questions
#   servers      as want/servers
#   routes       as want/routes
#   questions    for probe.pl
#   devices      the interfaces that lead to the servers
#   SERVER/      for its death: nft and ip (to load), loaded (the table's text after that), want/, moves (PREFIX SERVER NEXT-HOP FORMER)
# With servers, only plan.NUMBER/SERVER+SERVER: for the death of all of them at once.
# shellcheck source-path=SCRIPTDIR source=../../../host/machine/lib.sh
. "$(dirname "${BASH_SOURCE[0]}")/lib.sh"
: "${guard_folder?}" "${pins_loaded?}" "${machine?}"
umask 077
number=$1
shift
folder=$guard_folder/plan.$number

# plan_for FOLDER SERVER...
plan_for() {
  local to=$1 file
  shift
  mkdir "$to" "$to/want"
  for file in settings block fallbacks; do [[ ! -e $bundle/want/$file ]] || ln -s "$bundle/want/$file" "$to/want/$file"; done
  ln -s "$scripts" "$to/scripts"
  # From what is in force, where servers that are held already are down.
  adapted_to "$bundle/want" "$to/want" "$*"
  pin_ruleset "$to" >"$to/loaded"
  if [[ -e $pins_loaded ]]; then changed_pins <"$to/loaded"; else cat "$to/loaded"; fi >"$to/nft"
  awk 'FILENAME == ARGV[1] { former[$1] = $2; hop[$1] = $3; next } hop[$1] != $3 { print $0, former[$1] }' "$bundle/want/routes" "$to/want/routes" >"$to/moves"
  awk '{ print $1, "via", $3 }' "$to/moves" | commands add >"$to/ip"
}

# The files of the guard's last move may not be there yet.
adapt "$bundle"
# The path of a health check before a move is chosen by the source address.
shares_source() {
  local source
  source=$(check_source 2>/dev/null) || source=''
  if awk '{ print "route get", $2 }' "$bundle/want/servers" | ask_kernel | grep -qF " src $source "; then say yes; else say no; fi
}

if (($#)); then
  set=$(IFS=+; say "$*")
  rm -rf "$folder/$set.new"
  plan_for "$folder/$set.new" "$@"
  mv -T "$folder/$set.new" "$folder/$set"
  exit 0
fi

rm -rf "$folder.new"
mkdir "$folder.new"
{
  cat "$bundle/want/settings"
  printf '%s\n' "machine=$machine" "dir=$bundle" "shared_source=$(shares_source)"
} >"$folder.new/facts"
cp "$bundle/want/servers" "$bundle/want/routes" "$folder.new"
vip_checks "$bundle" | awk_file guardQuestions "$bundle/want/servers" - >"$folder.new/questions"
awk '{ print "route get", $2 }' "$bundle/want/servers" | ask_kernel | awk '$2 == "dev" { print $3 }' | sort -u >"$folder.new/devices"
while read -r server _ server_state _; do
  [[ $server_state != up ]] || plan_for "$folder.new/$server" "$server"
done <"$bundle/want/servers"
# A guard that ran before this one may have made it.
rm -rf "$folder"
mv -T "$folder.new" "$folder"
