"""Writes logistic_probe.inc: what scikit-learn's logistic regression gives for rows that the tests
make again.

Needs numpy and scikit-learn, COCO-500 in $CLIPK_DATA or data/ (script/fetch-data), and Debian's
dataset-fashion-mnist; run from anywhere: python3 tests/golden/make_logistic_probe.py
"""

import gzip
import os
from pathlib import Path

import numpy as np
import sklearn
from sklearn.decomposition import PCA
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

def accuracy(x, y, x_test, y_test, c, standardize):
    scaler = StandardScaler(with_mean=standardize, with_std=standardize).fit(x)
    model = LogisticRegression(C=c, max_iter=10000, tol=1e-8).fit(scaler.transform(x), y)
    return model.score(scaler.transform(x_test), y_test)


# Themes of COCO-500 from the embeddings, even rows against odd ones.
here = Path(__file__).parent
folder = Path(os.environ.get("CLIPK_DATA", here / "../../data"))
folder = folder / "coco500" if (folder / "coco500").exists() else folder
themes = np.load(folder / "theme_labels.npy")
known = np.flatnonzero(themes >= 0)
train, test = known[known % 2 == 0], known[known % 2 == 1]
scores = []
for modality in ("image", "text"):
    x = np.load(folder / f"{modality}_embeddings.npy").astype(np.float64)
    for c, standardize in ((1, False), (0.1, True)):
        scores.append(accuracy(x[train], themes[train], x[test], themes[test], c, standardize))
out.append(array("logistic_coco_accuracy", scores))


def idx(name, offset):
    path = Path("/usr/share/datasets/fashion-mnist") / f"{name}-ubyte.gz"
    return np.frombuffer(gzip.open(path).read(), np.uint8, offset=offset)


# Fashion-MNIST, 50 principal components of the first 10,000 images, and the 10,000 test images.
pixels = [idx(f"{part}-images-idx3", 16).reshape(-1, 784)[:10000] / 255 for part in ("train", "t10k")]
labels_of = [idx(f"{part}-labels-idx1", 8)[:10000] for part in ("train", "t10k")]
pca = PCA(50, svd_solver="full").fit(pixels[0])
codes = [pca.transform(x) for x in pixels]
out.append(
    array("logistic_fashion_accuracy", [accuracy(codes[0], labels_of[0], codes[1], labels_of[1], 1, True)])
)
out.append("}  // namespace clipk::test::golden\n")
(here / "logistic_probe.inc").write_text("".join(out))
