#!/usr/bin/env python3
"""Writes tests/golden/clip_retrieval/, a folder as clip-retrieval's inference leaves it: embeddings
by NumPy, metadata by pyarrow.

Parts 0, 9 and 10 have 3, 2 and 4 rows. Value j of image row r of them all is 4 r + j, of a text
minus that.
"""
import pathlib

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

out = pathlib.Path(__file__).parent / "clip_retrieval"
for name in ("img_emb", "text_emb", "metadata"):
    (out / name).mkdir(parents=True, exist_ok=True)

row = 0
for part, rows in ((0, 3), (9, 2), (10, 4)):
    values = (4 * row + np.arange(4 * rows)).reshape(rows, 4).astype("<f2")
    np.save(out / f"img_emb/img_emb_{part}.npy", values)
    np.save(out / f"text_emb/text_emb_{part}.npy", -values)
    numbers = list(range(row, row + rows))
    table = pa.table({
        "image_path": [f"{r}.jpg" for r in numbers],
        "caption": [f"caption {r}" for r in numbers],
        "width": pa.array([None if r % 2 else 640 for r in numbers], pa.int32()),
        "sizes": [[r, r + 1] for r in numbers],
        "exif": [{"iso": r, "flash": True} for r in numbers],
        "time": pa.array(numbers, pa.timestamp("us", tz="UTC")),
        "price": pa.array([None] * rows, pa.decimal128(9, 2)),
    })
    pq.write_table(table, out / f"metadata/metadata_{part}.parquet")
    row += rows
