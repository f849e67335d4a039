# shellcheck shell=bash
# A restart of systemd-networkd removes all routes and rules that it did not make, VIPs' included (networkd.conf(5)). New connections
# are refused until the supervisor restores them. A setting of networkd's own prevents that; networkd reads it when it restarts.
readonly networkd_setting=/etc/systemd/networkd.conf.d/50-loopback-ha.conf

# uses_networkd: is it enabled, by an operator or by netplan? Its links say so in a hundredth of systemctl's time.
uses_networkd() {
  compgen -G '/etc/systemd/system/*.wants/systemd-networkd.service' >/dev/null ||
    compgen -G '/run/systemd/system/*.wants/systemd-networkd.service' >/dev/null
}

install_networkd_setting() {
  uses_networkd || return 0
  [[ -d ${networkd_setting%/*} ]] || mkdir -p "${networkd_setting%/*}"
  install_file "$networkd_setting" 644 <<'END'
# By loopback-ha: otherwise a restart of systemd-networkd removes the routes to VIPs. See networkd.conf(5).
[Network]
ManageForeignRoutes=no
ManageForeignRoutingPolicyRules=no
END
}
remove_networkd_setting() {
  [[ -e $networkd_setting ]] || return 0
  rm -f "$networkd_setting"
  rmdir "${networkd_setting%/*}" 2>/dev/null || true
}
networkd_drift() {
  if [[ ! -e $networkd_setting ]] && uses_networkd; then say "- $networkd_setting"; fi
}
