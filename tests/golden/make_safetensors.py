#!/usr/bin/env python3
"""Writes tests/golden/safetensors/*.safetensors with the reference implementation (PyTorch's side of
it, for bfloat16).

Element k (in C order) of every tensor is k; bool holds k % 2.
"""
import pathlib

import torch
from safetensors.torch import save_file

out = pathlib.Path(__file__).parent / "safetensors"
out.mkdir(exist_ok=True)

counts = torch.arange(6).reshape(3, 2)
types = {
    "I8": torch.int8, "I16": torch.int16, "I32": torch.int32, "I64": torch.int64,
    "U8": torch.uint8, "U16": torch.uint16, "U32": torch.uint32, "U64": torch.uint64,
    "F16": torch.float16, "BF16": torch.bfloat16, "F32": torch.float32, "F64": torch.float64,
}
tensors = {name: counts.to(dtype) for name, dtype in types.items()}
tensors["BOOL"] = (counts % 2).to(torch.bool)
tensors["F8_E4M3"] = counts.to(torch.float8_e4m3fn)
tensors["vector"] = torch.arange(5, dtype=torch.float32)
tensors["scalar"] = torch.tensor(7, dtype=torch.float32)
tensors["cube"] = torch.arange(24, dtype=torch.float32).reshape(2, 3, 4)
tensors["empty"] = torch.zeros(0, 5)
save_file(tensors, out / "types.safetensors", metadata={"format": "pt"})

# What clipk's writer must give too, byte for byte.
save_file({"images": counts.float(), "texts": counts.half(), "labels": torch.arange(3),
           "small": torch.arange(3, dtype=torch.int32), "Bilder ä\"": counts.double(),
           "rounded": (counts.double() / 3).to(torch.bfloat16)},
          out / "written.safetensors", metadata={"made by": "täst\n"})
save_file({"images": counts.float()}, out / "plain.safetensors")
