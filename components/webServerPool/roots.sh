# shellcheck shell=bash
# A document root may be in a folder that another user owns. That user must not redirect us by a link when we make or remove a
# root. So we walk there step by step, and follow no link below a folder that others may write to.

# walk FOLDER [make]: makes it the working directory; with "make", missing folders are created.
walk() {
  local part parts ours=1 at=/ now
  IFS=/ read -ra parts <<<"${1#/}"
  cd / || return
  for part in "${parts[@]}"; do
    [[ $ours || ! -L $part ]] || return
    if [[ ${2:-} && ! -e $part ]]; then mkdir "./$part" || return; fi
    cd -P "./$part" || return
    # Where we really are, in case a link was put there meanwhile.
    now=$(readlink /proc/self/cwd)
    [[ $ours || $now == "${at%/}/$part" ]] || return
    at=$now
    if ! [[ -O . ]] || [[ $(find . -maxdepth 0 -perm /022) ]]; then ours=''; fi
  done
} 2>/dev/null

# make_roots <FOLDERS, sorted: one call for each parent folder, as there may be thousands.
make_roots() {
  local folder parent='' names=()
  while read -r folder; do
    if [[ ${folder%/*} != "$parent" ]]; then
      make_in "$parent" "${names[@]}"
      parent=${folder%/*} names=()
    fi
    names+=("${folder##*/}")
  done
  make_in "$parent" "${names[@]}"
}
make_in() {
  (($# > 1)) || return 0
  (walk "$1" make && shift && mkdir -p "${@/#/./}" 2>/dev/null) || fail "can't create the document root $1/$2, or a link on the path to it is owned by a user other than root: create it yourself, or give the site another documentRoot"
}

# remove_root FOLDER: unless it has files.
remove_root() {
  (walk "${1%/*}" && { [[ -L ${1##*/} ]] || rmdir --ignore-fail-on-non-empty "./${1##*/}"; } 2>/dev/null) || warn "$1 could not be removed"
}
