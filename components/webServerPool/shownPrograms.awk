# In: part=1 what configured prints, part=2 the sites' own directives, part=3 want/sites. Out: the sites that have programs run in
# a folder that a virtual host not managed by this stack shows, too, or one above or below it: SITE TAB FOLDER TAB PLACE.
# -v fastcgi: as in filledVhosts.awk.

function slashed(folder) { sub(/\/*$/, "/", folder); return folder }

part == 1 { if (split($0, field, "\t") == 3 && field[1] == "root") { root[++all] = slashed(field[2]); place[all] = field[3] } next }
part == 2 { if (tolower($0) ~ fastcgi) runs[$1]; next }
!($1 in runs) { next }
{
  own = slashed($4)
  for (i = 1; i <= all; i++)
    if (index(own, root[i]) == 1 || index(root[i], own) == 1) { print $1 "\t" root[i] "\t" place[i]; next }
}
