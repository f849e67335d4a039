# In: "-" answers of the kernel to `route get` for each next hop; then want/routes. Out: commands for ip in the copy of this router:
# each next hop as a neighbour, and the routes to it.
FILENAME == "-" { if ($2 == "dev") device[$1] = $3; next }
$3 in device {
  if (!known[$3]++) print "neigh replace", $3, "lladdr 02:00:00:00:00:02 dev", device[$3], "nud permanent"
  print "route replace", $1, "via", $3, "dev", device[$3], "onlink"
}
