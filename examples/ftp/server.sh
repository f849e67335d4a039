#!/bin/sh
# vsftpd on one server, as its configuration management would set it up. Run as root; Debian.
set -eu

# For downloads by anybody, from /srv/ftp. Passive answers name the VIP that the client came by, so there is no
# pasv_address; active data connections come from it, too.
cat >/etc/vsftpd.conf <<'END'
listen=YES
anonymous_enable=YES
local_enable=NO
connect_from_port_20=YES
secure_chroot_dir=/var/run/vsftpd/empty
END
hostname >/srv/ftp/server
systemctl enable --quiet vsftpd
systemctl restart vsftpd
