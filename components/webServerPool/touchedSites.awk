# In: the sites' own directives, part=1 those of the version before, part=2 those of now; part=3 want/sites of the version before,
# part=4 want/sites of now. Out: the lines of want/sites that a change may have broken, and a sample of the rest.
# -v sampled: how many the sample has.

function touch(list,  vip, i) { for (i = split(list, vip, ","); i > 0; i--) touched[vip[i]] }
function is_touched(list,  vip, i) { for (i = split(list, vip, ","); i > 0; i--) if (vip[i] in touched) return 1; return 0 }

part == 1 { was[$1] = was[$1] $0 "\n"; next }
part == 2 { is[$1] = is[$1] $0 "\n"; next }
part == 3 { before[$0] = $3; next }
$0 in before && was[$1] == is[$1] { delete before[$0]; all++; line[all] = $0; vips[all] = $3; next }
{ touch($3); print }

END {
  for (gone in before) touch(before[gone])
  for (i = 1; i <= all; i++) if (is_touched(vips[i]) || in_sample(i, all / sampled)) print line[i]
}
