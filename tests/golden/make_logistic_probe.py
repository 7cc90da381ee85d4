"""Writes logistic_probe.inc: what scikit-learn's logistic regression gives for rows that the tests
make again.

Needs numpy and scikit-learn; run from anywhere: python3 tests/golden/make_logistic_probe.py
"""

from pathlib import Path

import numpy as np
import sklearn
from sklearn.linear_model import LogisticRegression
from sklearn.preprocessing import StandardScaler

from generators import labels, uniform_rows


def array(name, values):
    values = np.asarray(values, dtype=np.float64).ravel()
    body = ", ".join(repr(float(v)) for v in values)
    return f"inline constexpr std::array<double, {len(values)}> {name} = {{{body}}};\n"


def classes_of_rows(n, k, seed):
    """Rows of which column c is a quarter higher in class c; every seventh has no class."""
    x, y = uniform_rows(n, 8, seed), labels(n, k, seed + 10)
    x = (x + 0.25 * np.eye(8)[y]).astype(np.float32).astype(np.float64)
    return x, np.where(np.arange(n) % 7 == 6, -1, y)


out = [
    f"// Made by make_logistic_probe.py with numpy {np.__version__}, scikit-learn "
    f"{sklearn.__version__}.\n#include <array>\n\nnamespace clipk::test::golden {{\n"
]
for name, k, c, standardize in (
    ("three", 3, 1.0, False),
    ("three_small_c", 3, 0.01, True),
    ("three_large_c", 3, 1000.0, True),
    ("two", 2, 1.0, False),
):
    x, y = classes_of_rows(120, k, 1)
    scaler = StandardScaler(with_mean=standardize, with_std=standardize).fit(x[y >= 0])
    model = LogisticRegression(C=c, max_iter=100000, tol=1e-10)
    model.fit(scaler.transform(x[y >= 0]), y[y >= 0])
    # Of the rows as they are given.
    weights = model.coef_ / scaler.scale_ if standardize else model.coef_
    intercepts = model.intercept_ - (weights @ scaler.mean_ if standardize else 0)
    test = classes_of_rows(6, k, 2)[0]
    out.append(array(f"logistic_{name}_weights", weights))
    out.append(array(f"logistic_{name}_intercepts", intercepts))
    out.append(array(f"logistic_{name}_probabilities", model.predict_proba(scaler.transform(test))))
out.append("}  // namespace clipk::test::golden\n")
(Path(__file__).parent / "logistic_probe.inc").write_text("".join(out))
