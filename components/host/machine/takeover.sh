# shellcheck shell=bash
# After `pulumi stack rename`, or under another project name: takes over, in place, what the former instance has here. Its name is in
# the stack's state (appliedAs.cjs). Nothing is removed and set up again, so visitors notice nothing.
# Set by lib.sh:
: "${instance?}" "${role?}" "${root?}" "${run?}" "${stack?}" "${state?}" "${units?}"

# The former "INSTANCE STACK", until the state has the new name: remove-over-ssh.sh needs it.
readonly taken_from=$state/taken-from
# Has this run taken one over that must go back if the run fails?
took=''
has_taken() { [[ $took ]]; }
keep_taken() { took=''; }

# take_over FORMER: also resumes what a killed run began.
take_over() {
  local former=$1
  [[ $former =~ ^[A-Za-z0-9][A-Za-z0-9._-]*$ && $former != "$instance" && -e $root/$former/current/meta ]] || return 0
  # If both exist, they belong to two stacks. The checks say which of them was first.
  if [[ -e $state ]] && [[ ! -e $taken_from || $(<"$taken_from") != "$former "* ]]; then return 0; fi
  [[ $(meta_of "$root/$former/current" role) == "$role" ]] || return 0
  [[ ! -e $run/pending.$former ]] ||
    fail "a change made by $former, this stack's former name, is waiting for its confirmation; nothing was changed. Run 'pulumi up' again in $(value_in "$run/pending.$former" seconds) s"
  took=1
  # The state has the former instance's name, so its own note is out of date.
  rm -f "$root/$former/taken-from"
  carry "$former" "$instance" "$stack"
}

# give_back: the run failed, and the state still has the former name.
give_back() {
  local former its_stack
  read -r former its_stack <"$taken_from"
  carry "$instance" "$former" "$its_stack"
  if [[ -e $units/loopback-ha.$former.service ]]; then systemctl start --no-block "loopback-ha.$former.service"; fi
}

# carry FROM TO STACK: if the machine dies in between, it has one or both instances, whole and with the same content, and restores
# them at boot.
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
  # A supervisor would see a half-carried instance.
  if [[ -e $units/loopback-ha.$from.service ]]; then systemctl stop "loopback-ha.$from.service"; fi
  carry_role "$from" "$to"
  remove_unit "loopback-ha.$from.service"
  drop_instance "$from"
}

# Leftovers of a killed run that carried another instance.
forget_carried() {
  local copy name
  for copy in "$root"/.carried-*; do
    name=${copy#"$root/.carried-"}
    if [[ -e $copy && ! -e $root/$name ]]; then remove_unit "loopback-ha.$name.service"; fi
  done
  rm -rf "$root"/.carried-* "$root"/.gone-*
}
