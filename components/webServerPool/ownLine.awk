# In: the text of our virtual hosts. Out: "(site SITE, line N of its own: DIRECTIVE) " where that line is one of a site's own.
# -v at: the number of a line. Only its directive is shown, as a secret may follow.

/^# site / { site = $3; first = 0 }
# Each virtual host of a site, on 80 and 443, ends with our own paths.
/^<VirtualHost / || /^    <Location "\/[.]well-known\/loopback-ha\// { first = 0 }
NR == at { if (first) printf "(site %s, line %d of its own: %s) ", site, NR - first, $1 }
!first && / env=!loopback_ha_health$/ { first = NR }
