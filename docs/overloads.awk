# Doxygen's filter for headers. They document an operation once, above its first overload; what
# differs in those that follow at once is the type of an element. Prints the header with the comment
# repeated above each of them.

# The name of the function whose declaration starts on this line, or "".
function declared(line) {
  if (line !~ /^(  )?[A-Za-z]/ || !match(line, /[A-Za-z_][A-Za-z_0-9]* *\(/)) return ""
  line = substr(line, RSTART, RLENGTH)
  sub(/ *\($/, "", line)
  return line
}

/^ *\/\/\/([^<]|$)/ {
  words = in_words ? words $0 "\n" : $0 "\n"
  in_words = 1
  name = ""
  print
  next
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
