# In: what rehearse.pl prints. Out: a line for each VIP and port that no visitor gets through to.
{ about = $4 " " $5 " " $6 }
$1 == "through" { through[about]; next }
!(about in fate) { order[++count] = about; fate[about] = $0 }
END { for (i = 1; i <= count; i++) if (!(order[i] in through)) print fate[order[i]] }
