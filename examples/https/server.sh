#!/bin/sh
# Apache with https on one server, as its configuration management would set it up. Run as root; Debian. The key and the
# certificate are already there, the same on all servers: a client that comes back may reach another server.
set -eu
name=www.widgetco.example root=/srv/www/widgetco
key=/etc/ssl/private/site.key certificate=/etc/ssl/private/site.crt

# A key that does not fit its certificate passes Apache's own test, and ends Apache for all sites when Apache reads it.
[ "$(openssl pkey -in "$key" -pubout)" = "$(openssl x509 -in "$certificate" -noout -pubkey)" ]

mkdir -p "$root"
hostname >"$root/server"
# No addresses: Apache then listens on all, answers from the one that was asked, and VIPs may be added later.
cat >/etc/apache2/sites-available/widgetco.conf <<END
<VirtualHost *:80>
    ServerName $name
    Redirect permanent / https://$name/
</VirtualHost>
<VirtualHost *:443>
    ServerName $name
    DocumentRoot $root
    SSLEngine on
    SSLCertificateKeyFile $key
    SSLCertificateFile $certificate
    <Directory $root>
        Require all granted
    </Directory>
</VirtualHost>
END
a2enmod --quiet ssl
a2ensite --quiet widgetco
apache2ctl configtest
systemctl restart apache2
