"""Writes clustering.inc: what scikit-learn, scipy and exact arithmetic give for labelings and tables
that the tests make again.

Needs mpmath, numpy, scipy and scikit-learn; run from anywhere: python3 tests/golden/make_clustering.py
"""

from collections import Counter
from fractions import Fraction
from pathlib import Path

import mpmath
import numpy as np
import scipy
import sklearn
from scipy.optimize import linear_sum_assignment
from sklearn import metrics

from generators import labels, related, uniform_rows

NORMALIZERS = ("arithmetic", "geometric", "min", "max")


def number(value):
    return repr(float(value))


def accuracy(truth, predicted):
    table = metrics.cluster.contingency_matrix(truth, predicted)
    return table[linear_sum_assignment(-table)].sum() / len(truth)


def scores(truth, predicted):
    truth, predicted = np.asarray(truth), np.asarray(predicted)
    row = [metrics.adjusted_mutual_info_score(truth, predicted, average_method=m) for m in NORMALIZERS]
    row += [metrics.normalized_mutual_info_score(truth, predicted, average_method=m) for m in NORMALIZERS]
    row += [metrics.adjusted_rand_score(truth, predicted), metrics.fowlkes_mallows_score(truth, predicted)]
    row += metrics.homogeneity_completeness_v_measure(truth, predicted)
    row += [metrics.v_measure_score(truth, predicted, beta=0.5)]
    row += [accuracy(truth, predicted) if len(truth) else 1.0]
    return "{" + ", ".join(map(number, row)) + "}"


def ints(values):
    return "{" + ", ".join(str(int(v)) for v in values) + "}"


out = [
    f"// Made by make_clustering.py with mpmath {mpmath.__version__}, numpy {np.__version__}, "
    f"scipy {scipy.__version__},\n// scikit-learn {sklearn.__version__}.\n"
    "#include <array>\n#include <cstdint>\n#include <vector>\n\nnamespace clipk::test::golden {\n"
    "// ami and nmi by normalizer (arithmetic, geometric, min, max), ari, fmi, homogeneity,\n"
    "// completeness, v_measure, v_measure of beta .5, accuracy\n"
    "using Scores = std::array<double, 15>;\n"
]

# Labelings whose scores are defined by convention, or easily lost: methods of edge cases.
edges = [
    ("empty", [], []),
    ("one point", [3], [5]),
    ("one cluster both", [0, 0, 0, 0], [7, 7, 7, 7]),
    ("one class, singletons", [0, 0, 0, 0], [0, 1, 2, 3]),
    ("singletons, one cluster", [0, 1, 2, 3], [0, 0, 0, 0]),
    ("singletons both", [0, 1, 2, 3], [3, 1, 0, 2]),
    ("two points, singletons", [0, 1], [1, 0]),
    ("crossed halves", [0, 0, 1, 1], [0, 1, 0, 1]),
    ("thirds", [0, 0, 1, 1, 2, 2], [0, 0, 1, 2, 2, 2]),
    ("renamed", [0, 0, 1, 1, 2, 2], [9, 9, 4, 4, 6, 6]),
    ("split classes", [0, 0, 0, 0, 1, 1, 1, 1], [0, 0, 1, 1, 2, 2, 3, 3]),
    ("merged classes", [0, 0, 1, 1, 2, 2, 3, 3], [0, 0, 0, 0, 1, 1, 1, 1]),
    ("one class of several clusters", [0, 0, 0, 0, 0], [0, 0, 1, 1, 2]),
    ("scattered labels", [2000000000, 5, 5, 2147483647, 2000000000, 0], [1, 1, 0, 2147483647, 1, 7]),
    ("independent", np.repeat(np.arange(3), 20), np.tile(np.arange(4), 15)),
]
out.append(
    "struct EdgeCase {\n  const char* name;\n  std::vector<std::int32_t> truth, predicted;\n"
    "  Scores scores;\n};\ninline const EdgeCase kEdgeCases[] = {\n"
)
for name, truth, predicted in edges:
    out.append(f'{{"{name}", {ints(truth)}, {ints(predicted)}, {scores(truth, predicted)}}},\n')
out.append("};\n")

# n, k, seed, share of agreement in eighths
randoms = [(10, 3, 1, 0), (10, 3, 2, 6), (50, 7, 3, 4), (113, 10, 4, 0), (257, 20, 5, 2), (300, 150, 6, 3),
           (1021, 10, 7, 6), (1021, 40, 8, 0), (2000, 5, 9, 7), (2000, 60, 10, 5), (5000, 10, 11, 4)]
out.append(
    "struct RandomCase {\n  std::int64_t n;\n  std::uint32_t k, seed, share;\n  Scores scores;\n};\n"
    "inline constexpr RandomCase kRandomCases[] = {\n"
)
for case in randoms:
    out.append(f"{{{', '.join(map(str, case))}, {scores(*related(*case))}}},\n")
out.append("};\n")


def exact_information(table):
    """MI, expected MI and both entropies to 30 digits."""
    mpmath.mp.dps = 40
    n, rows, cols = int(table.sum()), table.sum(axis=1), table.sum(axis=0)

    def entropy(sizes):
        return -sum(mpmath.mpf(int(s)) / n * mpmath.log(mpmath.mpf(int(s)) / n) for s in sizes)

    mi = sum(
        mpmath.mpf(int(x)) / n * mpmath.log(mpmath.mpf(int(x)) * n / (int(rows[i]) * int(cols[j])))
        for (i, j), x in np.ndenumerate(table) if x
    )
    emi = mpmath.mpf(0)
    for a, classes in Counter(map(int, rows)).items():
        for b, clusters in Counter(map(int, cols)).items():
            low, high = max(0, a + b - n), min(a, b)
            mode = min(max((a + 1) * (b + 1) // (n + 2), low), high)

            def log_choose(m, x):
                return mpmath.loggamma(m + 1) - mpmath.loggamma(x + 1) - mpmath.loggamma(m - x + 1)

            at_mode = mpmath.exp(log_choose(a, mode) + log_choose(n - a, b - mode) - log_choose(n, b))
            total, mean = mpmath.mpf(0), mpmath.mpf(a) * b / n
            for step in (1, -1):
                x, p = mode, at_mode
                while p > 1e-25:
                    if step == 1 or x != mode:
                        total += p
                        if x:
                            emi += classes * clusters * mpmath.mpf(x) / n * mpmath.log(x / mean) * p
                    x += step
                    if not low <= x <= high:
                        break
                    up = min(x, x - step)
                    ratio = mpmath.mpf((a - up) * (b - up)) / ((up + 1) * (n - a - b + up + 1))
                    p = p * ratio if step == 1 else p / ratio
            assert abs(total - 1) < 1e-18, total
    return mi, emi, entropy(rows), entropy(cols)


def exact_pairs(table):
    """ARI as a fraction, and FMI."""
    ordered = lambda sizes: sum(int(s) * (int(s) - 1) for s in sizes)
    n = int(sum(int(x) for x in table.ravel()))
    rows = [sum(map(int, row)) for row in table]
    cols = [sum(map(int, col)) for col in table.T]
    tp, classes, clusters = ordered(table.ravel()), ordered(rows), ordered(cols)
    fn, fp = classes - tp, clusters - tp
    tn = n * (n - 1) - classes - clusters + tp
    ari = Fraction(2 * (tp * tn - fn * fp), (tp + fn) * (fn + tn) + (tp + fp) * (fp + tn))
    fmi = mpmath.mpf(tp) / mpmath.sqrt(mpmath.mpf(classes) * clusters)
    return float(ari), float(fmi)


# Tables given directly. Expected information is exact up to 10^9 points.
tables = [
    np.array([[50, 3, 9], [1, 40, 2]]),
    np.array([[5000, 300, 911], [157, 40321, 2222], [812, 1, 7003]]),
    np.array([[250000, 249000], [250500, 250500]]),
    np.array([[400_000_000, 99_000_000, 1_000], [1_000_000, 480_000_000, 19_999_000]]),
    np.array([[333_333_333, 166_666_667], [333_333_334, 166_666_666]]),
]
out.append(
    "struct TableCase {\n  std::int64_t rows, cols;\n  std::vector<std::int64_t> counts;\n"
    "  double mi, expected, ami, nmi, ari, fmi;\n};\ninline const TableCase kTableCases[] = {\n"
)
for table in tables:
    mi, emi, h, k = exact_information(table)
    half = (h + k) / 2
    values = [mi, emi, (mi - emi) / (half - emi), mi / half, *exact_pairs(table)]
    out.append(f"{{{table.shape[0]}, {table.shape[1]}, {ints(table.ravel())}, {', '.join(map(number, values))}}},\n")
out.append("};\n")

# Random labelings again: with many clusters scikit-learn's own rounding, by log-gamma, is beyond 1e-12.
out.append(
    "struct ExactCase {\n  std::int64_t n;\n  std::uint32_t k, seed, share;\n"
    "  std::array<double, 4> ami;\n};\ninline constexpr ExactCase kExactCases[] = {\n"
)
for case in [(300, 150, 6, 3), (1021, 40, 8, 0), (2000, 300, 10, 5), (5000, 10, 11, 4), (20000, 1000, 12, 3)]:
    mi, emi, h, k = exact_information(metrics.cluster.contingency_matrix(*related(*case)))
    means = ((h + k) / 2, mpmath.sqrt(h * k), min(h, k), max(h, k))
    amis = ", ".join(number((mi - emi) / (mean - emi)) for mean in means)
    out.append(f"{{{', '.join(map(str, case))}, {{{amis}}}}},\n")
out.append("};\n")

# Pairs of points of the largest tables: counts, ari, fmi.
huge = [
    np.array([[2**60, 2**58 + 1], [12345, 2**61 - 7]], dtype=object),
    np.array([[2**60, 2**60], [2**60, 2**60]], dtype=object),
    np.array([[2**60 + 1, 2**60 - 1], [2**60 - 1, 2**60 + 1]], dtype=object),
]
out.append(
    "struct HugeCase {\n  std::array<std::int64_t, 4> counts;\n  double ari, fmi;\n};\n"
    "inline constexpr HugeCase kHugeCases[] = {\n"
)
for table in huge:
    out.append(f"{{{{{ints(table.ravel())}}}, {', '.join(map(number, exact_pairs(table)))}}},\n")
out.append("};\n")

# The largest total weight of a matching of random_labels(rows * cols, below, seed).
out.append(
    "struct MatchingCase {\n  std::int64_t rows, cols;\n  std::uint32_t below, seed;\n"
    "  std::int64_t total;\n};\ninline constexpr MatchingCase kMatchingCases[] = {\n"
)
for rows, cols, below, seed in [(1, 1, 9, 1), (1, 17, 9, 2), (17, 1, 9, 3), (2, 3, 5, 4), (17, 17, 3, 5), (17, 40, 1000, 6),
                                (113, 50, 100, 7), (257, 257, 1 << 20, 8), (100, 1021, 7, 9), (300, 300, 2, 10)]:
    weights = labels(rows * cols, below, seed).reshape(rows, cols)
    total = weights[linear_sum_assignment(weights, maximize=True)].sum()
    out.append(f"{{{rows}, {cols}, {below}, {seed}, {total}}},\n")
out.append("};\n")

# Silhouette of uniform_rows(n, d, seed) with labels(n, k, seed + 1), euclidean and cosine.
out.append(
    "struct SilhouetteCase {\n  std::int64_t n, d;\n  std::uint32_t k, seed;\n"
    "  double euclidean, cosine;\n};\ninline constexpr SilhouetteCase kSilhouetteCases[] = {\n"
)
for n, d, k, seed in [(3, 2, 2, 21), (17, 5, 3, 22), (257, 12, 7, 23), (300, 3, 200, 24), (1021, 33, 10, 25)]:
    x, y = uniform_rows(n, d, seed), labels(n, k, seed + 1)
    x[:, 0] += (y % 5) / 8  # classes that lie apart a little; exact in float32 sums below
    x = x.astype(np.float32).astype(np.float64)
    both = [metrics.silhouette_score(x, y, metric=m) for m in ("euclidean", "cosine")]
    out.append(f"{{{n}, {d}, {k}, {seed}, {', '.join(map(number, both))}}},\n")
out.append("};\n")

out.append("}  // namespace clipk::test::golden\n")
(Path(__file__).parent / "clustering.inc").write_text("".join(out))
