# In: - (the names of files that are in the store), then want/certificates. Out: lines of drift, one for each file that is not there.
# -v ticket: the name of the file with the key of session tickets, or "".

FILENAME == "-" { here[$1] = 1; next }
!(($7 ".pem") in here) { print "- certificate of " $1 }
END {
  if (!("unknown.pem" in here)) print "- certificate for unknown names"
  if (ticket && !(ticket in here)) print "- key of session tickets"
}
