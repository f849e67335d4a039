# In: routes, "PREFIX ...". Out: the smallest prefix that has all of them in it.
{
  low = number($1)
  high = low + 2 ^ (32 - bits_of($1)) - 1
  if (NR == 1 || low < least) least = low
  if (high > most) most = high
}
END {
  for (size = 1; int(least / size) != int(most / size); size *= 2) bits++
  print address(int(least / size) * size) "/" 32 - bits
}
