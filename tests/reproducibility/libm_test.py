"""No result may come from the C library's mathematics, which differs by version and by processor:
lists the functions of libm that the library calls. Those that IEEE 754 or C define to the last bit
are free; files below are allowed the others for the reason given.

Usage: libm_test.py NM LIBRARY
"""
import re
import subprocess
import sys

EXACT = {"ceil", "copysign", "fabs", "floor", "fma", "fmax", "fmin", "fmod", "frexp", "ilogb",
         "ldexp", "llrint", "llround", "logb", "lrint", "lround", "modf", "nearbyint", "nextafter",
         "remainder", "rint", "round", "scalbln", "scalbn", "sqrt", "trunc"}
ALLOWED = {}
LIBM = re.compile(r"(?P<function>a?(cos|sin|tan)h?|atan2|cbrt|erfc?|exp(2|10|m1)?|hypot|j[01n]|"
                  r"[lt]gamma(_r)?|log(10|1p|2)?|pow|sincos|y[01n]|" + "|".join(sorted(EXACT)) +
                  ")(?P<suffix>[fl]?)")


def libm_calls(nm, library):
    """Source file and name of every function of libm that is called, and whether it is exact. A
    long double has other digits on another processor: none of its functions are."""
    text = subprocess.run([nm, "-u", library], check=True, capture_output=True, text=True).stdout
    source = None
    for line in text.splitlines():
        if line.endswith(".o:"):
            source = line[:-len(".o:")]
        symbol = re.fullmatch(r" +U (\w+)", line)
        found = symbol and LIBM.fullmatch(symbol[1])
        if found:
            yield source, symbol[1], found["function"] in EXACT and found["suffix"] != "l"


def main(nm, library):
    calls = list(libm_calls(nm, library))
    if not any(name.startswith("sqrt") for _, name, _ in calls):
        sys.exit("libm_test: expected a call of sqrt, which the library needs, found none")
    wrong = [(source, name) for source, name, exact in calls
             if not exact and name not in ALLOWED.get(source, ())]
    for source, name in sorted(wrong):
        print(f"{source}: expected no {name} of libm: its last bit is not the same everywhere")
    sys.exit(bool(wrong))


main(*sys.argv[1:])
