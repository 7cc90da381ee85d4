"""Writes math.inc: values of the functions of core/math.hpp to the nearest float64.

Needs mpmath; run from anywhere: python3 tests/golden/make_math.py
"""

import random
from pathlib import Path

import mpmath

mpmath.mp.prec = 200
random.seed(1)


def spread(low, high, count=12):
    return [random.uniform(low, high) for _ in range(count)]


def tiny(sign=(-1, 1)):
    return [random.choice(sign) * random.uniform(1, 2) * 2.0**-e for e in (1, 2, 3, 8, 27, 40, 60, 300)]


def near(x, count=6):
    return [x + random.choice((-1, 1)) * random.random() * 2.0**-e for e in range(2, 8 * count, 8)]


quarters = [n * float(mpmath.pi / 2) for n in (1, 2, 3, 4, 7, 100, 100003)]
log_points = spread(0.01, 30) + near(1.0) + [5e-324, 3e-310, 2.3e-308, 1e300, 1.7e308, 0.7071067811865476]
unit = spread(-1, 1) + tiny() + [0.999999999, -0.5, 1 - 2.0**-53]
functions = {
    "exp": (mpmath.exp, spread(-700, 709) + spread(-2, 2) + tiny() + [-744.9, -720.3, 709.7]),
    "expm1": (mpmath.expm1, spread(-36, 700) + spread(-2, 2) + tiny() + [-0.3466, 0.3466, 44.0]),
    "log": (mpmath.log, log_points),
    "log1p": (mpmath.log1p, [x for x in log_points if x > 1e-300] + tiny() + [-0.29, 0.41, -0.999999]),
    "sin": (mpmath.sin, spread(-20, 20) + spread(-1e6, 1e6) + quarters + tiny()),
    "cos": (mpmath.cos, spread(-20, 20) + spread(-1e6, 1e6) + quarters + tiny()),
    "tanh": (mpmath.tanh, spread(-25, 25) + spread(-1.2, 1.2) + tiny()),
    "atanh": (mpmath.atanh, unit),
    "normal_quantile_from_half": (
        lambda x: mpmath.sqrt(2) * mpmath.erfinv(2 * x),
        [x / 2 for x in unit] + [0.425, -0.4250001, 0.5 - 1e-9, 0.5 - 1e-13],
    ),
}
powers = (
    list(zip(spread(0, 2), spread(-20, 20)))
    + list(zip(spread(0.9, 1), [float(round(y)) for y in spread(1, 5000)]))
    + list(zip(spread(1e-30, 1e30), spread(-9, 9)))
    + [(0.999, 1e5), (1 + 2.0**-52, 1e15), (0.3, 580.0), (3e-310, 0.75), (2.0, -1070.0)]
)

lines = [
    f"// Made by make_math.py with mpmath {mpmath.__version__}.\n"
    "namespace clipk::test::golden {\n\n"
    "struct OfOne {\n  double x, value;\n};\nstruct OfTwo {\n  double x, y, value;\n};\n"
]
for name, (function, points) in functions.items():
    rows = [f"    {{{x.hex()}, {float(function(mpmath.mpf(x))).hex()}}}" for x in points]
    lines.append(f"inline constexpr OfOne {name}[] = {{\n" + ",\n".join(rows) + ",\n};\n")
rows = [
    f"    {{{x.hex()}, {y.hex()}, {float(mpmath.mpf(x) ** mpmath.mpf(y)).hex()}}}" for x, y in powers
]
lines.append("inline constexpr OfTwo pow[] = {\n" + ",\n".join(rows) + ",\n};\n")
lines.append("}  // namespace clipk::test::golden\n")
Path(__file__).with_name("math.inc").write_text("\n".join(lines))
