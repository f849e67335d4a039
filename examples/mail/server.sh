#!/bin/sh
# Postfix on one mail exchanger, as its configuration management would set it up. Run as root; Debian.
set -eu
domain=widgetco.example store=192.0.2.10

# All servers greet with one name, which the router checks; in Received lines each uses its own.
# Accept mail only for users that exist (relay_recipient_maps), or you send bounces to strangers.
postconf -e \
  "myhostname = $(hostname).$domain" \
  "smtpd_banner = mx.$domain ESMTP" \
  "mydestination = localhost" \
  "relay_domains = $domain" \
  "relay_transport = smtp:[$store]" \
  "inet_interfaces = all" \
  "inet_protocols = ipv4"
systemctl enable --quiet postfix
systemctl restart postfix
