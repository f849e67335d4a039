# What the awk programs of this room share.

# Is the nth of many in a sample that takes one in each step?
function in_sample(n, step) { return step <= 1 || int(n / step) != int((n - 1) / step) }
