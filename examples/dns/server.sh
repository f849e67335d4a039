#!/bin/sh
# BIND on one server, as its configuration management would set it up. Run as root; Debian.
set -eu

# Authoritative only; dig +nsid shows which server answers. BIND listens on each address and answers from it; it finds later
# addresses by itself.
cat >/etc/bind/named.conf.options <<'END'
options {
	directory "/var/cache/bind";
	recursion no;
	server-id hostname;
};
END
systemctl enable --quiet named
systemctl restart named
