# In: "-" lines of movePlan.awk; then want/servers. From the environment DEAD: names of dead servers, each in the first word of a line.
# Out: want/servers, where the dead servers that lose a prefix are down, and those that get one are up.
BEGIN { count = split(ENVIRON["DEAD"], line, "\n"); for (i = 1; i <= count; i++) { split(line[i], field, " "); is_dead[field[1]] } }
FILENAME == "-" { gets[$2]; if ($4 in is_dead) gone[$4]; next }
$1 in gone { $3 = "down" }
$1 in gets { $3 = "up" }
{ print }
