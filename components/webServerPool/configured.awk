# In: what dump_config prints. Out, of all but our own virtual hosts, lines of fields with tabs between them:
#   module NAME | listen ADDRESS PORT FILE:LINE (ADDRESS: * for all) | name NAME FILE:LINE | root FOLDER FILE:LINE

function bare(text) { gsub(/^"|"$/, "", text); return text }

BEGIN { OFS = "\t" }
{ sub(/\r$/, "") }
/^# In file: / { file = substr($0, 12); ours = file ~ /\/loopback-ha[.][^\/]*$/; next }
/^ *# +[0-9]+:$/ { place = file ":" ($2 + 0); next }
/ \((static|shared)\)$/ { print "module", $1; next }
ours { next }
{ word = tolower($1) }

word == "listen" {
  at = "*"
  port = bare($2)
  if (match(port, /:[0-9]+$/)) { at = tolower(substr(port, 1, RSTART - 1)); port = substr(port, RSTART + 1) }
  print "listen", at, port, place
}

# A site's virtual host hides only those on all addresses.
word == "<virtualhost" {
  serves = 0
  for (i = 2; i <= NF; i++) {
    at = $i
    gsub(/[">]/, "", at)
    if (at ~ /^([*]|_default_)(:(80|[*]))?$/) serves = 1
  }
}
word == "</virtualhost>" { serves = 0 }

word == "documentroot" {
  sub(/^[ \t]*[^ \t]+[ \t]+/, "")
  sub(/[ \t]+$/, "")
  print "root", bare($0), place
  next
}

serves && (word == "servername" || word == "serveralias") {
  for (i = 2; i <= NF; i++) {
    name = tolower(bare($i))
    sub(/^[a-z]+:\/\//, "", name)
    sub(/:[0-9]+$/, "", name)
    print "name", name, place
  }
}
