#!/usr/bin/env python3
"""Writes tests/golden/npy/*.npy with NumPy, the reference for clipk's reader and writer.

Element k (in C order) of every DTYPE_ORDER.npy is k; bool holds k % 2.
"""
import pathlib

import numpy as np
from numpy.lib import format as npy

out = pathlib.Path(__file__).parent / "npy"
out.mkdir(exist_ok=True)


def write(name, array, version=(1, 0)):
    with open(out / f"{name}.npy", "wb") as file:
        npy.write_array(file, array, version=version)


counts = np.arange(6).reshape(3, 2)
for code in ["i2", "i4", "i8", "u2", "u4", "u8", "f2", "f4", "f8"]:
    for endian, name in (("<", "le"), (">", "be")):
        write(f"{code}_{name}", counts.astype(endian + code))
for code in ["i1", "u1"]:
    write(code, counts.astype(code))
write("b1", (counts % 2).astype(bool))
for endian, name in (("<", "le"), (">", "be")):
    write(f"f4_{name}_fortran", np.asfortranarray(counts.astype(endian + "f4")))
write("rank3_fortran", np.asfortranarray(np.arange(24, dtype="<f4").reshape(2, 3, 4)))
write("vector", np.arange(5, dtype="<f4"))
write("scalar", np.array(7, dtype="<f4"))
write("empty", np.zeros((0, 5), dtype="<f4"))
write("version2", counts.astype("<f4"), version=(2, 0))
write("version3", counts.astype("<f4"), version=(3, 0))

write("objects", np.array([None, {}], dtype=object))
write("structured", np.zeros(2, dtype=[("x", "<f4"), ("y", "<f4")]))
write("complex", np.zeros(2, dtype="<c8"))
write("text", np.array(["ab", "c"]))

# Rounding to float16: random values of every binade, ties, the ends of the range.
rng = np.random.default_rng(1)
values = rng.standard_normal(400) * 2.0 ** rng.integers(-26, 17, 400)
ties = np.concatenate([(2 * rng.integers(0, 2048, 100) + 1) * 2.0**e for e in (-25, -20, -12, 0, 4)])
ends = np.array([0.0, -0.0, 2.0**-25, 2.0**-24, 2.0**-14, 65504, 65519.99, -65504])
values = np.concatenate([values, ties, ends])
values = values[np.abs(values) < 65520]
write("half_in", values)
write("half_out", values.astype("<f2"))
