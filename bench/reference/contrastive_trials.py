#!/usr/bin/env python3
"""Does training add to paired axes on new pairs? A trial of contrastive training, in NumPy.

Starts from the axes of PairedAxes (its default setting) and trains them by Adam on the symmetric
InfoNCE loss of the fitted pairs, with a learned temperature, in the variants that are known to help
against overfitting. Prints for each variant and D' the top-1 of held-out pairs at the start, at the
best of all steps *chosen by these held-out pairs themselves* (an upper bound of what early stopping
could reach), and at the end, with the standard error of the best gain over the splits.

    contrastive_trials.py images.npy texts.npy [--splits 6] [--dims 128,64,32,16] [--steps 120]
"""
import argparse

import numpy as np

RIDGE, MIXTURE, IMAGES = 4.0, 0.3, 0.25  # PairedAxesSetting

VARIANTS = {
    "plain": {},
    "noise on the rows": {"noise": 1.0},
    "dropout of columns": {"dropout": 0.5},
    "mixed pairs": {"mix": 0.4},
    "decay to the start": {"decay": 0.03},
    "a map per modality": {"separate": True},
    "label smoothing": {"smoothing": 0.1},
    "hard negatives": {"hard": 5.0},
}


def unit(rows):
    return rows / np.maximum(np.linalg.norm(rows, axis=1, keepdims=True), 1e-30)


def top1(images, texts):
    similarity = unit(images) @ unit(texts).T
    own = np.diag(similarity)
    return ((similarity > own[:, None]).sum(1) == 0).mean() / 2 + (
        (similarity > own[None, :]).sum(0) == 0
    ).mean() / 2


def whitened(rows, width):
    """Centred rows over the root of their trace, and H of their covariance."""
    rows = rows / np.sqrt((rows**2).sum())
    values, vectors = np.linalg.eigh(rows.T @ rows)
    return rows, (vectors * (np.maximum(values, 0) + RIDGE / width) ** -0.5) @ vectors.T


def started(images, texts):
    """H of each modality and the rotation of paired axes, all D rows of it."""
    width = images.shape[1]
    x, h_x = whitened(images, width)
    y, h_y = whitened(texts, width)
    x, y = x @ h_x, y @ h_y
    cross = x.T @ y
    m = MIXTURE * (cross + cross.T) / 2
    m += (1 - MIXTURE) * (IMAGES * x.T @ x + (1 - IMAGES) * y.T @ y)
    return h_x, h_y, np.linalg.eigh(m)[1][:, ::-1].T


class Adam:
    def __init__(self, rate):
        self.rate, self.moments, self.step = rate, {}, 0

    def update(self, key, value, gradient):
        m, v = self.moments.get(key, (0.0, 0.0))
        m, v = 0.9 * m + 0.1 * gradient, 0.999 * v + 0.001 * gradient**2
        self.moments[key] = m, v
        correction = 1 - 0.9**self.step, 1 - 0.999**self.step
        return value - self.rate * (m / correction[0]) / (np.sqrt(v / correction[1]) + 1e-12)


def info_nce(codes_x, codes_y, log_scale, smoothing=0.0, hard=0.0):
    """Gradients with respect to the codes and to the logarithm of the inverse temperature."""
    n = len(codes_x)
    x, y, scale = unit(codes_x), unit(codes_y), np.exp(log_scale)
    cosine = x @ y.T
    logits = scale * cosine
    weighted = logits + hard * cosine * (1 - np.eye(n))  # nearer negatives count more
    rows = np.exp(weighted - weighted.max(1, keepdims=True))
    cols = np.exp(weighted - weighted.max(0, keepdims=True))
    rows, cols = rows / rows.sum(1, keepdims=True), cols / cols.sum(0, keepdims=True)
    target = (1 - smoothing) * np.eye(n) + smoothing / n
    of_logits = (rows + cols - 2 * target) / (2 * n)

    def back(codes, unit_codes, gradient):
        along = (unit_codes * gradient).sum(1, keepdims=True)
        return (gradient - unit_codes * along) / np.linalg.norm(codes, axis=1, keepdims=True)

    return (
        back(codes_x, x, scale * of_logits @ y),
        back(codes_y, y, scale * of_logits.T @ x),
        (of_logits * logits).sum(),
    )


def train(x, y, rotation, held, dims, steps, random, noise=0.0, dropout=0.0, mix=0.0, decay=0.0,
          separate=False, smoothing=0.0, hard=0.0, rate=0.01, every=10):
    """Top-1 of the held-out rows at every tenth step, for each of dims (nested if several)."""
    maps = [rotation[: max(dims)].copy() for _ in range(2 if separate else 1)]
    start, size = maps[0].copy(), np.sqrt((maps[0] ** 2).mean())
    adam, log_scale, found = Adam(rate), np.log(20.0), []
    for step in range(steps + 1):
        if step % every == 0:
            found.append([top1(held[0] @ maps[0][:k].T, held[1] @ maps[-1][:k].T) for k in dims])
        a, b = x, y
        if mix:
            share = random.beta(mix, mix, size=(len(x), 1))
            share, other = np.maximum(share, 1 - share), random.permutation(len(x))
            a, b = share * x + (1 - share) * x[other], share * y + (1 - share) * y[other]
        if noise:
            a = a + noise * np.sqrt((x**2).mean()) * random.standard_normal(x.shape)
            b = b + noise * np.sqrt((y**2).mean()) * random.standard_normal(y.shape)
        if dropout:
            kept = (random.random((1, x.shape[1])) > dropout) / (1 - dropout)
            a, b = a * kept, b * kept
        gradients, of_scale = [decay * (m - start) for m in maps], 0.0
        for k in dims:
            of_x, of_y, of_s = info_nce(a @ maps[0][:k].T, b @ maps[-1][:k].T, log_scale,
                                        smoothing, hard)
            gradients[0][:k] += of_x.T @ a
            gradients[-1][:k] += of_y.T @ b
            of_scale += of_s
        adam.step += 1
        for i, gradient in enumerate(gradients):
            maps[i] = size * adam.update(i, maps[i] / size, gradient)
        log_scale = adam.update("scale", log_scale, of_scale)
    return np.array(found)


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("images")
    parser.add_argument("texts")
    parser.add_argument("--splits", type=int, default=6)
    parser.add_argument("--dims", default="128,64,32,16")
    parser.add_argument("--steps", type=int, default=120)
    parser.add_argument("--rate", type=float, default=0.01)
    parser.add_argument("--train", type=int, default=0, help="fitted pairs; half by default")
    arguments = parser.parse_args()
    images, texts = (unit(np.load(f).astype(float)) for f in (arguments.images, arguments.texts))
    n, dims = len(images), [int(d) for d in arguments.dims.split(",")]
    fitted = arguments.train or n // 2
    splits = []
    for seed in range(arguments.splits):
        order = np.random.default_rng(seed).permutation(n)
        inside, outside = order[:fitted], order[fitted:]
        means = images[inside].mean(0), texts[inside].mean(0)
        h_x, h_y, rotation = started(images[inside] - means[0], texts[inside] - means[1])
        splits.append((
            (images[inside] - means[0]) @ h_x, (texts[inside] - means[1]) @ h_y, rotation,
            ((images[outside] - means[0]) @ h_x, (texts[outside] - means[1]) @ h_y),
        ))
    nested = [("nested dimensions (Matryoshka)", {"dropout": 0.5}, dims)]
    runs = [(name, options, [d]) for name, options in VARIANTS.items() for d in dims]
    print(f"{fitted} pairs fitted, {n - fitted} held out, {arguments.splits} splits")
    print(f"{'variant':32} {'dim':>4} {'start':>6} {'best':>6} {'gain':>6} {'s.e.':>6} {'end':>6}")
    for name, options, at in runs + nested:
        curves = np.array([
            train(*split, at, arguments.steps, np.random.default_rng(s), rate=arguments.rate,
                  **options)
            for s, split in enumerate(splits)
        ])
        mean = curves.mean(0)
        for i, dim in enumerate(at):
            best = mean[:, i].argmax()
            gains = curves[:, best, i] - curves[:, 0, i]
            error = gains.std(ddof=1) / np.sqrt(len(gains))
            print(f"{name:32} {dim:4d} {mean[0, i]:6.3f} {mean[best, i]:6.3f} "
                  f"{gains.mean():+6.3f} {error:6.3f} {mean[-1, i]:6.3f}", flush=True)


if __name__ == "__main__":
    main()
