"""Writes metrics.inc: what scipy and scikit-learn give for rows that the tests make again.

Needs numpy, scipy and scikit-learn; run from anywhere: python3 tests/golden/make_metrics.py
"""

from pathlib import Path

import numpy as np
import scipy
import sklearn
from scipy.spatial.distance import cdist, pdist
from scipy.stats import bootstrap, kendalltau
from sklearn.decomposition import PCA, TruncatedSVD
from sklearn.manifold import trustworthiness

from generators import uniform_rows


def array(name, values):
    values = np.asarray(values, dtype=np.float64).ravel()
    body = ", ".join(repr(float(v)) for v in values)
    return f"inline constexpr std::array<double, {len(values)}> {name} = {{{body}}};\n"


def signed(components):
    """The largest entry of every component is positive."""
    largest = np.abs(components).argmax(axis=1)
    return components * np.sign(components[np.arange(len(components)), largest])[:, None]


def kendall_distance(d, e):
    """(1 - tau_a) / 2 from scipy's tau_b, which leaves tied pairs out of its denominator."""
    pairs = len(d) * (len(d) - 1) / 2

    def untied(v):
        count = np.unique(v, return_counts=True)[1].astype(float)
        return pairs - (count * (count - 1) / 2).sum()

    return (1 - kendalltau(d, e).statistic * np.sqrt(untied(d) * untied(e)) / pairs) / 2


def stress1(d, e):
    scale = (d * e).sum() / (e * e).sum()
    return np.sqrt(((d - scale * e) ** 2).sum() / (d * d).sum())


out = [
    "// Made by make_metrics.py with "
    f"numpy {np.__version__}, scipy {scipy.__version__}, scikit-learn {sklearn.__version__}.\n"
    "#include <array>\n\nnamespace clipk::test::golden {\n"
]

for name, rows in (("tall", 60), ("wide", 8)):
    x = uniform_rows(rows, 12, 1)
    pca = PCA(svd_solver="full").fit(x)
    kept = min(rows - 1, 12)
    basis = signed(pca.components_[:kept])
    out.append(array(f"pca_{name}_variance", pca.explained_variance_[:kept]))
    out.append(array(f"pca_{name}_ratio", pca.explained_variance_ratio_[:kept]))
    out.append(array(f"pca_{name}_codes", (uniform_rows(5, 12, 2) - pca.mean_) @ basis[:4].T))
svd = TruncatedSVD(3, algorithm="arpack", random_state=0).fit(uniform_rows(60, 12, 1))
out.append(array("svd_codes", uniform_rows(5, 12, 2) @ signed(svd.components_).T))

x, y = uniform_rows(50, 12, 3), uniform_rows(40, 12, 4)
within = [(pdist(x), pdist(x[:, :k])) for k in (1, 2, 6)]
cross = [(cdist(x, y).ravel(), cdist(x[:, :k], y[:, :k]).ravel()) for k in (1, 2, 6)]
out.append(array("kendall_distance_within", [kendall_distance(*pair) for pair in within]))
out.append(array("kendall_distance_cross", [kendall_distance(*pair) for pair in cross]))
out.append(array("stress1_within", [stress1(*pair) for pair in within]))
out.append(array("stress1_cross", [stress1(*pair) for pair in cross]))
# Lattice points: squared distances are small integers, so most pairs of pairs tie somewhere.
lattice = np.round(uniform_rows(50, 12, 5)[:, :4] * 6)
out.append(
    array(
        "kendall_distance_ties",
        [kendall_distance(pdist(lattice, "sqeuclidean"), pdist(lattice[:, :2], "sqeuclidean"))],
    )
)
out.append(array("trustworthiness", [trustworthiness(x, x[:, :2], n_neighbors=k) for k in (1, 5, 12)]))

a = (uniform_rows(400, 1, 6) < 0.1).ravel().astype(float)
b = (uniform_rows(400, 1, 7) < 0.0).ravel().astype(float)
interval = bootstrap(
    (a - b,), np.mean, n_resamples=200000, method="percentile", batch=1000, random_state=0
).confidence_interval
out.append(array("bootstrap", [(a - b).mean(), interval.low, interval.high]))

out.append("\n}  // namespace clipk::test::golden\n")
(Path(__file__).parent / "metrics.inc").write_text("".join(out))
