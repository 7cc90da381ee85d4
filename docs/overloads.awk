# Doxygen's filter for headers, whose comments are written to be read where they stand.
# - They document an operation once, above its first overload; what differs in those that follow at
#   once is the type of an element. The comment is repeated above each of them.
# - Formulas are indented below a line that ends in a colon. They are set as they are written.

# Prints a line of a comment, and keeps it.
function add(line) {
  print line
  words = words line "\n"
}

# The name of the function whose declaration starts on this line, or "".
function declared(line) {
  if (line !~ /^(  )?[A-Za-z]/ || !match(line, /[A-Za-z_][A-Za-z_0-9]* *\(/)) return ""
  line = substr(line, RSTART, RLENGTH)
  sub(/ *\($/, "", line)
  return line
}

/^ *\/\/\/([^<]|$)/ {
  if (!in_words) words = ""
  formula = /^ *\/\/\/   / && (in_formula || announced)
  if (formula != in_formula) add(formula ? "/// @code{.unparsed}" : "/// @endcode")
  add($0)
  in_formula = formula
  announced = /:$/ && !/@/
  in_words = 1
  name = ""
  next
}
in_formula {
  add("/// @endcode")
  in_formula = 0
}
/^ *$/ {
  words = name = ""
  in_words = 0
  ended = 1
  print
  next
}
{
  if (in_words || ended) {
    here = declared($0)
    if (!in_words && here != "" && here == name) printf "%s", words
    if (here != "") name = here
  }
  in_words = 0
  ended = $0 ~ /[;}>]$/
  print
}
