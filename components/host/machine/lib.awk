# What the awk programs on machines share: addresses and prefixes. mawk turns large numbers into few digits where they are keys,
# so keys are made with sprintf.

function number(dotted,  part) { split(dotted, part, "."); return ((part[1] * 256 + part[2]) * 256 + part[3]) * 256 + part[4] }

function address(n,  text, i) {
  for (i = 0; i < 4; i++) { text = n % 256 (i ? "." text : ""); n = int(n / 256) }
  return text
}

# The length of a prefix; a single address is a /32.
function bits_of(prefix,  part) { return split(prefix, part, "/") == 2 ? part[2] : 32 }
