#!/bin/sh
# Postfix where the mailboxes are. Run as root; Debian.
set -eu
domain=widgetco.example

id -u info >/dev/null 2>&1 || useradd --create-home info
postconf -e \
  "myhostname = store.$domain" \
  "mydestination = $domain, localhost" \
  "home_mailbox = Maildir/" \
  "inet_interfaces = all" \
  "inet_protocols = ipv4"
systemctl enable --quiet postfix
systemctl restart postfix
