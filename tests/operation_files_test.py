"""One operation has one name everywhere, and a kernel file opens with its plan, floor and ladder.

    operation_files_test.py SOURCES
"""
import pathlib
import re
import sys

root = pathlib.Path(sys.argv[1])
FILES = [
    "host/ops/{}.cpp", "host/cpu/{}.hpp", "host/cpu/{}.cpp", "kernels/{}.hpp", "kernels/{}.cu", "tests/ops/{}_test.cpp",
    "bench/ops/{}_bench.cpp"
]

names = {header.stem for header in (root / "include/clipk/ops").glob("*.hpp")}
errors = [f"{name}: no {file.format(name)}" for name in sorted(names) for file in FILES
          if not (root / file.format(name)).exists()]
golden = (root / "tests/golden/checksums.txt").read_text(encoding="utf-8")
errors += [f"{name}: no golden case ops/{name}/..." for name in sorted(names) if f"ops/{name}/" not in golden]
for folder, suffix in [("host/ops", ""), ("host/cpu", ""), ("kernels", ""), ("bench/ops", "_bench")]:
    for file in sorted((root / folder).iterdir()):
        name = file.stem.removesuffix(suffix).removesuffix("_backward")
        if file.is_file() and name not in names:
            errors.append(f"{folder}/{file.name}: no operation of this name in include/clipk/ops")
for file in sorted((root / "kernels").rglob("*.cu")):
    head = re.match(r"(//.*\n)+", file.read_text(encoding="utf-8"))
    for part in ("Plan", "Floor", "Ladder"):
        if not head or not re.search(rf"^// {part}  ", head.group(0), re.M):
            errors.append(f"{file.relative_to(root)}: its first comment has no {part}")

for error in errors:
    print(error)
print(f"{len(names)} operations, {len(errors)} errors")
sys.exit(1 if errors else 0)
