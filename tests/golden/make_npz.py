#!/usr/bin/env python3
"""Writes tests/golden/npz/*.npz with NumPy, the reference for clipk's reader.

Element k (in C order) of every array of numbers is k.
"""
import io
import pathlib
import warnings
import zipfile

import numpy as np

out = pathlib.Path(__file__).parent / "npz"
out.mkdir(exist_ok=True)

counts = np.arange(6).reshape(3, 2)
arrays = {
    "images": counts.astype("<f4"),
    "texts": counts.astype("<f2"),
    "fortran": np.asfortranarray(counts.astype(">f8")),
    "labels": np.arange(3),
    "cube": np.arange(24, dtype="<f4").reshape(2, 3, 4),
    "names": np.array(["a", "b", "c"]),
}
np.savez(out / "stored.npz", **arrays)
np.savez_compressed(out / "deflated.npz", **arrays)
np.savez_compressed(out / "single.npz", counts.astype("<f4"))
# More than one chunk of the reader and of zlib, in few bytes.
np.savez_compressed(out / "long.npz", long=(np.arange(300_001) % 5).astype("<i2"))


def npy(array):
    file = io.BytesIO()
    np.save(file, array)
    return file.getvalue()


def write(name, members, method, **options):
    with zipfile.ZipFile(out / f"{name}.npz", "w", method, **options) as archive:
        for member, content in members:
            archive.writestr(zipfile.ZipInfo(member, (1980, 1, 1, 0, 0, 0)), content, method)


x = npy(counts.astype("<f4"))
write("bzip2", [("x.npy", x)], zipfile.ZIP_BZIP2)
write("other", [("note.txt", b"not an array"), ("x.npy", x), ("bad.npy", x[:90])],
      zipfile.ZIP_DEFLATED)
warnings.simplefilter("ignore")  # of two members of one name
write("empty", [], zipfile.ZIP_STORED)
write("twice", [("x.npy", x), ("x.npy", x)], zipfile.ZIP_STORED)
# Sizes and offsets in the zip64 records alone, as beyond 4 GiB.
zipfile.ZIP64_LIMIT = 1
write("zip64", [("x.npy", x), ("y.npy", x)], zipfile.ZIP_DEFLATED)
