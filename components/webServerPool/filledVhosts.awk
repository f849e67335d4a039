# Fills the template of vhostTemplate.ts in for each site, on the server.
# In: part=1 want/private/vhost.conf, part=2 want/private/directives, part="https" what https_sites prints (only with https),
# part=3 and again part=4 want/sites. Out: the virtual hosts of all sites.
# -v machine: this server's name; store, ticket: see serverText.awk; fastcgi: a pattern of directives that have programs run.

function listens(vips, port) { gsub(/,/, port " ", vips); return vips port }

# The text with a value for each place of the word; sub() would read & in the value.
function put(text, word, value,  at, before) {
  for (before = ""; at = index(text, word); text = substr(text, at + length(word)))
    before = before substr(text, 1, at - 1) value
  return before text
}

# A line without the conditions @IF:WORD@ and @IF:!WORD@ that it begins with, up to the first that the site does not meet.
function after_conditions(line, site,  word, no) {
  while (line ~ /^@IF:/) {
    match(line, /^@IF:[^@]+@/)
    word = substr(line, 5, RLENGTH - 5)
    no = sub(/^!/, "", word)
    if (((site, word) in has) == no) break
    line = substr(line, RLENGTH + 1)
  }
  return line
}

function vhosts(site, list, vips, root,  names, name, listen, line, i, j) {
  names = split(list, name, ",")
  listen = listens(vips, ":80")
  for (i = 1; i <= count; i++) {
    line = after_conditions(template[i], site)
    if (line ~ /^@IF:/) continue
    if (line !~ /@/) { print line; continue }
    if (line ~ /@DIRECTIVES@/) {
      printf "%s", own[site]
      # If that module is disabled later, its programs would be plain files.
      if (site in runs) print "    <IfModule !proxy_fcgi_module>\n        <Location \"/\">\n            Redirect 503\n        </Location>\n    </IfModule>"
      continue
    }
    if (line ~ /@(LISTEN:443|STORE|TICKET|CERTIFICATE|HSTS)@/)
      line = put(put(put(put(put(line, "@LISTEN:443@", listens(vips, ":443")), "@STORE@", store), "@TICKET@", ticket), "@CERTIFICATE@", certificate[site]), "@HSTS@", seconds[site])
    if (line ~ /@ALIAS@/) { for (j = 2; j <= names; j++) print put(line, "@ALIAS@", name[j]); continue }
    line = put(put(put(put(line, "@MACHINE@", machine), "@SITE@", site), "@SERVER_NAME@", name[1]), "@LISTEN@", listen)
    # Last: only this value may have an @.
    print put(line, "@ROOT@", root)
  }
}

part == 1 { template[++count] = $0; next }

part == 2 { own[$1] = own[$1] substr($0, length($1) + 4) "\n"; if (tolower($0) ~ fastcgi) runs[$1]; next }

part == "https" {
  certificate[$1] = store "/" $2 ".pem"
  has[$1, "https"] = has[$1, $3] = has[$1, $4] = 1
  if ($5) has[$1, "hsts"] = seconds[$1] = $5
  next
}

{ of = split($3, vip, ",") }

part == 3 { for (i = 1; i <= of; i++) sites[vip[i]]++; next }

{
  for (i = of; i > 0 && sites[vip[i]] == 1; i--);
  if (!i || !index($2, "*")) { vhosts($1, $2, $3, $4); next }
  # Of sites that share a VIP, Apache takes the first whose name fits: wildcards come last, the longer ones first.
  names = split($2, name, ",")
  exact = name[1]
  for (i = 2; i <= names; i++) {
    if (name[i] !~ /^[*]/) { exact = exact "," name[i]; continue }
    wild[++wilds] = $1 " " name[1] "," name[i] " " $3 " " $4
    depth[wilds] = split(name[i], label, ".")
    if (depth[wilds] > deepest) deepest = depth[wilds]
  }
  vhosts($1, exact, $3, $4)
}

END {
  for (; deepest > 0; deepest--)
    for (n = 1; n <= wilds; n++) if (depth[n] == deepest) { split(wild[n], word, " "); vhosts(word[1], word[2], word[3], word[4]) }
}
