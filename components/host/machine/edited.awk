# In: diff -r -U0 of pristine/want and want. Out: lines "- FILE: LINE" and "+ FILE: LINE". Files of private/ may hold secrets: of
# them only the name is shown.

function label(file) {
  sub(/^(pristine\/)?want\//, "", file)
  hidden = sub(/^private\//, "", file)
  return file
}

header > 0 { header--; next }
/^diff / { name = label($NF); header = 2; if (hidden) print "+ " name ": edited"; next }
/^Only in / {
  sub(/^Only in /, "")
  side = /^pristine/ ? "-" : "+"
  sub(/: /, "/")
  print side " " label($0)
  next
}
!hidden && /^[-+]/ { print substr($0, 1, 1) " " name ": " substr($0, 2) }
