"""Writes retrieval.inc: recall at k of several texts an image, as CLIP_benchmark defines it.

A query counts as found if any of its partners is among its k best candidates. The table of cosines is
float64, and no two of them are equal here, so that no rule for ties is needed.

Needs numpy; run from anywhere: python3 tests/golden/make_retrieval.py
"""

from pathlib import Path

import numpy as np

from generators import labels, uniform_rows

KS = (1, 5, 10)


def unit(rows):
    return rows / np.linalg.norm(rows, axis=1, keepdims=True)


def near(rows, seed):
    """Texts of these rows: twice as many others are added, in float32."""
    noise = uniform_rows(*rows.shape, seed).astype(np.float32)
    return (rows.astype(np.float32) + np.float32(2) * noise).astype(np.float64)


def recall(scores, positive, k):
    """The share of the queries [rows] with a partner among their k best; those without one are left out."""
    best = np.argsort(-scores, axis=1)[:, :k]
    found = np.take_along_axis(positive, best, axis=1).any(axis=1)
    return found[positive.any(axis=1)].mean()


def recalls(images, texts, image_of_text):
    cosines = unit(texts) @ unit(images).T
    assert np.unique(cosines).size == cosines.size
    positive = image_of_text[:, None] == np.arange(len(images))[None, :]
    image_to_text = [recall(cosines.T, positive.T, k) for k in KS]
    text_to_image = [recall(cosines, positive, k) for k in KS]
    return image_to_text + text_to_image


def array(name, values):
    body = ", ".join(repr(float(v)) for v in values)
    return f"inline constexpr std::array<double, {len(values)}> {name} = {{{body}}};\n"


# Five texts an image, one after another.
images = uniform_rows(200, 24, 11)
five = np.repeat(np.arange(200), 5)
# Any number of texts an image, also none; every eighth or so belongs to no image.
others = uniform_rows(150, 24, 12)
owner = labels(400, 150, 13)
some = np.where(labels(400, 8, 14) == 0, -1, owner)

out = [
    f"// Made by make_retrieval.py with numpy {np.__version__}: R@1, R@5, R@10 from image to text, then from\n"
    "// text to image.\n#include <array>\n\nnamespace clipk::test::golden {\n\n",
    array("recall_of_five_texts", recalls(images, near(images[five], 15), five)),
    array("recall_of_some_texts", recalls(others, near(others[owner], 16), some)),
    "\n}  // namespace clipk::test::golden\n",
]
(Path(__file__).parent / "retrieval.inc").write_text("".join(out))
