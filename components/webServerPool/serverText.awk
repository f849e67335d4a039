# In: want/private/server.conf. Out: Apache's text for it.
# -v store: the folder of certificates; ticket: the file with the key of session tickets.

{
  gsub(/@STORE@/, store)
  gsub(/@TICKET@/, ticket)
  # Printed bit by bit: a prefix may have thousands of addresses.
  while (at = index($0, "@EVERY:")) {
    printf "%s", substr($0, 1, at - 1)
    rest = substr($0, at + 7)
    end = index(rest, "@")
    split(substr(rest, 1, end - 1) ":80", part, ":")
    first = number(part[1])
    for (i = 0; i < 2 ^ (32 - bits_of(part[1])); i++) printf "%s%s:%s", i ? " " : "", address(first + i), part[2]
    $0 = substr(rest, end + 1)
  }
  print
}
