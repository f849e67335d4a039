#!/bin/sh
# vsftpd on one server, as its configuration management would set it up. Run as root; Debian.
set -eu

# Anonymous downloads, from /srv/ftp. Passive answers contain the VIP that the client connected to, so pasv_address is not
# set; active data connections come from that VIP, too.
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
