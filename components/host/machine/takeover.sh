# shellcheck shell=bash disable=SC2034,SC2154
# After `pulumi stack rename`, or with another project's name: what the former instance has here becomes this one's, in
# place. Which one that was is in the stack's state; see appliedAs.cjs. Nothing goes and comes again, so no visitor notices.

# "INSTANCE STACK" that it was before, until the state has the new name: remove-over-ssh.sh knows it by that.
readonly taken_from=$state/taken-from

# take_over FORMER: goes on, too, where a run that was killed has left off.
take_over() {
  local former=$1
  [[ $former =~ ^[A-Za-z0-9][A-Za-z0-9._-]*$ && $former != "$instance" && -e $root/$former/current/meta ]] || return 0
  # Where both are, they are two stacks'; which of them is first, the checks say.
  if [[ -e $state ]] && [[ ! -e $taken_from || $(<"$taken_from") != "$former "* ]]; then return 0; fi
  [[ $(meta_of "$root/$former/current" role) == "$role" ]] || return 0
  [[ ! -e $run/pending.$former ]] ||
    fail "a change made by $former, this stack's former name, is waiting for its confirmation; nothing was changed. Run 'pulumi up' again in $(value_in "$run/pending.$former" seconds) s"
  took=1
  # What that one was before is over: the state has its name.
  rm -f "$root/$former/taken-from"
  carry "$former" "$instance" "$stack"
}

# give_back: it failed, and the state has the former name still.
give_back() {
  local former its_stack
  read -r former its_stack <"$taken_from"
  carry "$instance" "$former" "$its_stack"
  if [[ -e $units/loopback-ha.$former.service ]]; then systemctl start --no-block "loopback-ha.$former.service"; fi
}

# carry FROM TO STACK: a machine that dies in between has the one, the other or both, whole, with the same content, and
# brings it up at boot.
carry() {
  local from=$1 to=$2 of=$3 copy=$root/.carried-$2 its_stack meta
  if [[ ! -e $root/$to ]]; then
    its_stack=$(meta_of "$root/$from/current" stack)
    rm -rf "$copy"
    cp -a "$root/$from" "$copy"
    for meta in "$copy"/versions/*/meta; do
      sed -i "s|^instance=.*|instance=$to|; s|^stack=.*|stack=$of|" "$meta"
    done
    if [[ -e $copy/taken-from ]]; then rm -f "$copy/taken-from"; else say "$from $its_stack" >"$copy/taken-from"; fi
    sync -f "$copy"
    if [[ -e $copy/current/scripts/unit.service ]]; then
      unit_text "$copy/current/scripts/unit.service" "$to" | install_file "$units/loopback-ha.$to.service" 644
      systemctl enable --quiet "loopback-ha.$to.service"
      sync_wants
    fi
    replace "$copy" "$root/$to"
  fi
  # A supervisor would see half of it.
  if [[ -e $units/loopback-ha.$from.service ]]; then systemctl stop "loopback-ha.$from.service"; fi
  carry_role "$from" "$to"
  remove_unit "loopback-ha.$from.service"
  drop_instance "$from"
}

# What one that was killed has left, of another instance.
forget_carried() {
  local copy name
  for copy in "$root"/.carried-*; do
    name=${copy#"$root/.carried-"}
    if [[ -e $copy && ! -e $root/$name ]]; then remove_unit "loopback-ha.$name.service"; fi
  done
  rm -rf "$root"/.carried-* "$root"/.gone-*
}
