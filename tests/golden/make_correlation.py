"""Writes correlation.inc: what scipy gives for columns that the tests make again.

Needs numpy and scipy; run from anywhere: python3 tests/golden/make_correlation.py
"""

from pathlib import Path

import numpy as np
import scipy
from scipy.stats import false_discovery_control, pearsonr, pointbiserialr, spearmanr

from generators import labels, uniform_rows


def array(name, values):
    values = np.asarray(values, dtype=np.float64).ravel()
    body = ", ".join(repr(float(v)) for v in values)
    return f"inline constexpr std::array<double, {len(values)}> {name} = {{{body}}};\n"


def table(correlate, x, y):
    """r and p of every column of x with every column of y."""
    cells = [[correlate(a, b) for b in y.T] for a in x.T]
    return [[c.statistic for c in row] for row in cells], [[c.pvalue for c in row] for row in cells]


def related(n, cols, share):
    """Columns that share a part of those of seed 11, far from zero: tests/metrics/correlation_test.cpp"""
    x, y = uniform_rows(n, cols, 11), uniform_rows(n, cols, 12)
    return x, (1000 + (x * share + y)).astype(np.float32).astype(np.float64)


def steps(x, width):
    """Few different values each, so that most are tied."""
    return np.floor(x / width)


out = [
    f"// Made by make_correlation.py with numpy {np.__version__}, scipy {scipy.__version__}.\n"
    "#include <array>\n\nnamespace clipk::test::golden {\n"
]

for n in (3, 4, 10, 113, 1000):
    x, y = related(n, 3, 0.5)
    for name, correlate in (("pearson", pearsonr), ("spearman", spearmanr)):
        r, p = table(correlate, x, y)
        out += [array(f"{name}_r_{n}", r), array(f"{name}_p_{n}", p)]

# Tiny p.
x, y = related(1000, 3, 1)
for name, correlate in (("pearson", pearsonr), ("spearman", spearmanr)):
    r, p = table(correlate, x, y)
    out += [array(f"{name}_r_strong", r), array(f"{name}_p_strong", p)]

x, y = related(257, 3, 1)
r, p = table(spearmanr, steps(x, 0.1), steps(y - 1000, 0.25))
out += [array("spearman_r_ties", r), array("spearman_p_ties", p)]

x, classes = uniform_rows(300, 4, 21), labels(300, 3, 22)
r, p = table(pointbiserialr, x, (classes == 1)[:, None])
out += [array("point_biserial_r", r), array("point_biserial_p", p)]

for confidence in (0.9, 0.95, 0.99):
    intervals = []
    for n in (4, 10, 1000):
        x, y = related(n, 1, 0.5)
        interval = pearsonr(x[:, 0], y[:, 0]).confidence_interval(confidence)
        intervals += [interval.low, interval.high]
    out.append(array(f"interval_{int(confidence * 100)}", intervals))

# Cubes: some near 0, and with equal ones among them.
p = np.repeat(np.abs(uniform_rows(60, 1, 31)[:, 0]), 2) ** 3
out.append(array("benjamini_hochberg", false_discovery_control(p, method="bh")))
out.append(array("benjamini_yekutieli", false_discovery_control(p, method="by")))

out.append("\n}  // namespace clipk::test::golden\n")
(Path(__file__).parent / "correlation.inc").write_text("".join(out))
