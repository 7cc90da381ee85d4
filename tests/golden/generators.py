"""The data that tests make again, bit by bit, for the scripts that write golden files."""

import numpy as np


def uniform_rows(rows, cols, seed):
    """tests/support/uniform_rows.hpp"""
    state, values = seed, []
    for _ in range(rows * cols):
        state = (state * 1664525 + 1013904223) % 2**32
        values.append((state >> 8) * 2.0**-24 - 0.5)
    spread = 1 + np.arange(cols) / 2
    return (np.array(values).reshape(rows, cols) / spread).astype(np.float32).astype(np.float64)


def labels(n, k, seed):
    """random_labels of tests/metrics/labelings.hpp"""
    state, values = seed, []
    for _ in range(n):
        state = (state * 1664525 + 1013904223) % 2**32
        values.append((state >> 8) % k)
    return np.array(values, dtype=np.int64)


def related(n, k, seed, share):
    """related_labels of the same header: two labelings that agree in about share / 8 of the points."""
    truth, other, keep = labels(n, k, seed), labels(n, k, seed + 1), labels(n, 8, seed + 2)
    return truth, np.where(keep < share, truth, other)
