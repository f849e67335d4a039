# In: - (the names of files that are in the store), then want/certificates. Out: the numbers of lines whose file is not there, as in
# 1-3,17, and "unknown" where the certificate for unknown names isn't.

function flush() {
  if (!from) return
  printf "%s%s", separator, from (to > from ? "-" to : "")
  separator = ","
}

FILENAME == "-" { here[$1] = 1; next }
($7 ".pem") in here { next }
!from || FNR != to + 1 { flush(); from = FNR }
{ to = FNR }
END {
  flush()
  if (!("unknown.pem" in here)) printf " unknown"
}
