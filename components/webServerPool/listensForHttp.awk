# In: what configured prints. Out: "all" where Apache listens on port 80 of all addresses, else where it does: ADDRESS (FILE:LINE), ...

BEGIN { FS = "\t" }
$1 == "listen" && $3 == 80 {
  if ($2 ~ /^([*]|0[.]0[.]0[.]0|\[::\])$/) { some = "all"; exit }
  some = some (some ? ", " : "") $2 " (" $4 ")"
}
END { print some }
