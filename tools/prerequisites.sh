# shellcheck shell=bash
# Sourced by run.sh and check.sh: what this project needs on the machine, each checked first and installed only
# when it is missing.

# Every program that is called, or file that is read, and the Debian package that has it.
# shellcheck disable=SC2034 # for the scripts that source this
lab_programs=(
  debootstrap:debootstrap systemd-nspawn:systemd-container ip:iproute2 nft:nftables ssh:openssh-client
  curl:curl dig:bind9-dnsutils ping:iputils-ping ps:procps nsenter:util-linux shellcheck:shellcheck jq:jq
  mkfs.ext4:e2fsprogs /usr/share/keyrings/debian-archive-keyring.gpg:debian-archive-keyring
  certbot:certbot
)
# shellcheck disable=SC2034
check_programs=(shellcheck:shellcheck mawk:mawk)
oldest_node=20

# The npm command that an operator repeats after a failure.
: "${again:=test}"
root="$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd)"
export LOOPBACK_HA_CACHE="${LOOPBACK_HA_CACHE:-${XDG_CACHE_HOME:-$HOME/.cache}/pulumi-loopback-ha}"
# What su and sudo leave out of root's PATH, and where Go's own installer puts it.
export PATH="$PATH:/usr/sbin:/sbin:/usr/local/go/bin"
# shellcheck source-path=SCRIPTDIR source=engine/folder.sh
. "$root/tools/engine/folder.sh"

refuse() {
  printf '%s\n' "$1" >&2
  exit 1
}

# at_least OLDEST VERSION
at_least() { [ "$(printf '%s\n' "$1" "$2" | sort -V | head -n 1)" = "$1" ]; }

# Steps run in the background, so that a signal reaches this shell at once and it can stop them.
steps=()
start_step() {
  bash "$root/tools/step.sh" "$@" &
  steps+=($!)
}
finish_steps() {
  local pid status=0
  for pid in "${steps[@]}"; do wait "$pid" || status=$?; done
  steps=()
  [ "$status" -eq 0 ] || exit "$status"
}
stop_steps() {
  trap '' INT TERM HUP
  [ "${#steps[@]}" -eq 0 ] || kill "${steps[@]}" 2>/dev/null
  wait
  exit 130
}
trap stop_steps INT TERM HUP

require_linux() {
  [[ "$OSTYPE" == linux* ]] || refuse "This needs Linux (here: $OSTYPE): the lab's machines are containers of the Linux kernel."
}

require_root() {
  [ "$EUID" -eq 0 ] || refuse "'npm $again' needs root, to make network namespaces and containers: run it as root, or with sudo."
}

require_node() {
  local version
  version="$(node --version 2>/dev/null)" || refuse "Node.js $oldest_node or newer is needed, and there is no node on PATH."
  at_least "$oldest_node" "${version#v}" || refuse "Node.js $oldest_node or newer is needed; node on PATH is $version."
}

require_programs() {
  local pair packages=() programs=()
  for pair in "$@"; do
    if [[ "$pair" != /* || ! -e "${pair%%:*}" ]] && ! type -P "${pair%%:*}" >/dev/null; then
      programs+=("${pair%%:*}")
      packages+=("${pair##*:}")
    fi
  done
  [ "${#programs[@]}" -gt 0 ] || return 0
  type -P apt-get >/dev/null || refuse "Missing programs, and no apt-get here to install them: ${programs[*]}."
  [ "$EUID" -eq 0 ] || refuse "Missing programs: ${programs[*]}. Install them as root: apt-get install ${packages[*]}"
  export DEBIAN_FRONTEND=noninteractive
  # Fails at once without package lists, or with outdated ones: then, and only then, they are fetched.
  local install=(apt-get -o DPkg::Lock::Timeout=300 install --yes --no-install-recommends "${packages[@]}")
  start_step "Installing Debian packages" "see the log, then: npm $again" \
    bash -c '"$@" || { apt-get update && "$@"; }' install "${install[@]}"
  finish_steps
}

require_npm_packages() {
  local sum stamp="$root/node_modules/.loopback-ha-lock"
  sum="$(sha256sum <"$root/package-lock.json")"
  [ "$sum" != "$(cat "$stamp" 2>/dev/null)" ] || return 0
  type -P npm >/dev/null || refuse "npm is needed to install the npm packages, and is not on PATH."
  # One at a time: npm ci starts by removing node_modules. Its scripts would only download plugins.
  # shellcheck disable=SC2016 # expanded by the inner bash
  start_step "Installing npm packages" "see the log, then: npm $again" flock "$root/package-lock.json" bash -c '
    [ "$1" != "$(cat "$2" 2>/dev/null)" ] || exit 0
    cd "$3" && npm ci --ignore-scripts --include=dev --no-audit --no-fund && echo "$1" >"$2"
  ' install "$sum" "$stamp" "$root"
  finish_steps
}

readonly install_page=https://www.pulumi.com/docs/install/

# An installed pulumi must be of a version that the library is for, and have its providers: the lab's machines reach no
# internet, and there the engine would wait for a download until it gives up.
require_installed_engine() {
  local oldest version provider missing=()
  oldest="$(sed -nE 's|^ *"@pulumi/pulumi": "\^([0-9.]+)",?$|\1|p' "$root/package.json")"
  version="$(pulumi version 2>/dev/null | head -n 1)" || version=unknown
  if ! at_least "$oldest" "${version#v}" || [[ "$version" != v"${oldest%%.*}".* ]]; then
    refuse "pulumi on PATH is $version, and $oldest or a newer ${oldest%%.*} is needed: update it ($install_page), or leave it aside: LOOPBACK_HA_ENGINE=build npm $again"
  fi
  for provider in command random; do
    [ -e "${PULUMI_HOME:-$HOME/.pulumi}/plugins/resource-$provider-v$(npm_version "@pulumi/$provider")" ] || missing+=("$provider")
  done
  [ "${#missing[@]}" -gt 0 ] || return 0
  # shellcheck disable=SC2016 # expanded by the inner bash
  start_step "Pulumi plugins" "npm $again, or without the installed pulumi: LOOPBACK_HA_ENGINE=build npm $again" bash -c '
    . "$1"; shift
    for provider; do timeout 120 pulumi plugin install resource "$provider" "$(npm_version "@pulumi/$provider")" || exit; done
  ' install "$root/tools/engine/folder.sh" "${missing[@]}"
  finish_steps
}

# Prints the command that makes our own engine, or ends with both ways out. Empty: it is there.
engine_maker() {
  local oldest version go=""
  [ ! -e "$(engine_folder)/complete" ] || return 0
  oldest="$(sed -n 's/^go //p' "$root"/tools/engine/*/go.mod | sort -V | tail -n 1)"
  version="$(cd / && GOTOOLCHAIN=local go env GOVERSION 2>/dev/null)" || version=go0
  ! at_least "$oldest" "${version#go}" || go="bash $(printf %q "$root/tools/engine/build.sh")"
  if bash "$root/tools/engine/download.sh" --check 2>/dev/null; then
    # A download that ends half-way is no reason to give up.
    echo "bash $(printf %q "$root/tools/engine/download.sh")${go:+ || $go}"
  elif [ -n "$go" ]; then
    echo "$go"
  else
    refuse "No Pulumi engine, and its download is out of reach: install Pulumi ($install_page), or Go $oldest or newer to build it here (Go now: ${version/#go0/none})."
  fi
}

# The library's built form must be of the present sources: what is measured and tested is what is shipped.
library_is_built() {
  node -e 'process.exitCode = require(process.argv[1]).isBuilt() ? 0 : 1' "$root/components/startup/built.cjs"
}

# require_built engine base library: any of them. Together they take less time than one after the other: Go needs
# the processor, the lab's disk mostly the network.
require_built() {
  local wanted=" $* " engine="" base="" library=""
  if [[ "$wanted" == *" engine "* ]]; then
    if engine_is_installed; then require_installed_engine; else engine="$(engine_maker)"; fi
  fi
  if [[ "$wanted" == *" base "* ]] && ! bash "$root/lab/base.sh" --check; then base=1; fi
  if [[ "$wanted" == *" library "* ]] && ! library_is_built; then library=1; fi
  case "$engine${base}$library" in
    "") return ;;
    "$engine" | "$base" | "$library") ;;
    *) export STEP_PLAIN=1 ;;
  esac
  [ -z "$library" ] || start_step "The library (built again when its sources changed)" "npm $again" npm run build
  [ -z "$base" ] || start_step "Lab disk (built once, 2 min)" "npm $again" \
    bash "$root/lab/base.sh"
  [ -z "$engine" ] || start_step "Pulumi engine (made once: downloaded in 1 min, or built in 8 to 15)" \
    "npm $again (it goes on where it was)" bash -c "$engine"
  finish_steps
  unset STEP_PLAIN
}
