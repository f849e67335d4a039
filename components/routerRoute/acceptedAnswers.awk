# In: answers of probe.pl, from the present servers and then from the new ones, as two files.
# Out: bad answers of the new ones that are accepted: see `enough` in routes.sh. Ends with 1 where another answer is bad.
function check_of(label) { sub(/ on [^ ]+$/, "", label); return $2 FS label }
BEGIN { FS = "\t" }
FILENAME == ARGV[1] { now[check_of($3)] = $1 == "ok" ? "ok" : $5; next }
$1 != "fail" { next }
{
  before = now[check_of($3)]
  same = before == $5
  no_answer = before ~ /^(refused|unreachable|silent|late)$/ && $5 != "status 404" && $5 != "status 421"
  if ($5 ~ /^status [0-9]+$/ && (same || no_answer)) print; else lacking = 1
}
END { exit lacking }
