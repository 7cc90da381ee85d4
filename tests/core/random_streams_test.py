"""No two uses of random numbers share a stream: the table of core/random_streams.hpp against the sources.

Every stream is named in one place of the library and its programs, and no random number is drawn
past the table.

    random_streams_test.py ROOT
"""
import pathlib
import re
import sys

TABLE = "include/clipk/core/random_streams.hpp"
FOLDERS = ("host", "kernels", "examples")
OF_CALLERS = {"general", "data"}
# One stream, several twins: the places that may name it.
TWINS = {
    "quadruples": ["host/cpu/detail/quad_hinge-inl.hpp", "host/cpu/detail/quad_hinge-inl.hpp", "kernels/detail/quad_draw.cuh"],
    "corruption": ["host/cpu/corrupt.cpp", "host/cpu/gaussian_posterior.cpp", "kernels/corrupt.cu", "kernels/gaussian_posterior.cu"],
}
# Where a stream is a parameter, and the generators themselves.
GENERATORS = {
    "host/core/random.cpp", "host/cpu/detail/philox-inl.hpp", "host/cpu/random_permutation.hpp",
    "host/cpu/random_permutation.cpp", "host/ops/random_permutation.cpp",
    "host/models/probes/logistic_selection.cpp", "host/train/shuffled_batches.cpp", "kernels/detail/portable.cuh",
    "kernels/random_permutation.cu",
}
# Calls that draw, up to the end of their statement.
DRAWS = re.compile(r"\b(?:Random(?:\s+\w+)?|random_blocks?|random_permutation|philox4x32_10)\s*[({][^;]*;")


def code_of(path):
    text = re.sub(r'"(?:\\.|[^"\\\n])*"', '""', path.read_text(encoding="utf-8"))
    text = re.sub(r"//.*|^\s*#.*", "", text, flags=re.M)
    return re.sub(r"/\*.*?\*/", "", text, flags=re.S)


def table_of(root):
    """Names and values, in the order of the table."""
    entry = re.compile(r"^(?:  /// .*\n  (\w+) = (\d+),$|  (\w+) = (\d+), +///< \S)", re.M)
    found = entry.findall((root / TABLE).read_text(encoding="utf-8"))
    return [(above or beside, int(a or b)) for above, a, beside, b in found]


def check(root):
    table = table_of(root)
    names = {name for name, _ in table}
    errors = []
    if len(names) < 20:
        errors.append(f"{TABLE}: expected a table of streams, got {len(names)} entries")
    entries = len(re.findall(r"^  \w+\b(?! *//)", code_of(root / TABLE), re.M))
    if entries != len(table):
        errors.append(f"{TABLE}: expected a value and a comment at each of {entries} streams, got {len(table)}")
    if len({value for _, value in table}) != len(table) or len(names) != len(table):
        errors.append(f"{TABLE}: expected names and values that differ")

    places = {name: [] for name in names}
    for folder in FOLDERS:
        for path in sorted((root / folder).rglob("*")):
            if path.suffix not in {".cpp", ".hpp", ".cu", ".cuh"}:
                continue
            file, code = path.relative_to(root).as_posix(), code_of(path)
            for name in re.findall(r"RandomStream::(\w+)", code):
                places.setdefault(name, []).append(file)
            if file in GENERATORS:
                continue
            if re.search(r"RandomStream\s*[>({]", code):
                errors.append(f"{file}: expected a stream of the table, got one from a number")
            for draw in DRAWS.findall(code):
                if "RandomStream::" not in draw:
                    errors.append(f"{file}: expected a stream by its name in: {' '.join(draw.split())}")
    for name, files in sorted(places.items()):
        if name in OF_CALLERS:
            expected = []
        else:
            expected = TWINS.get(name, files[:1] or ["one place"])
        if files != expected:
            errors.append(f"stream {name}: expected in {expected}, got {files}")
    return table, errors


def main():
    table, errors = check(pathlib.Path(sys.argv[1]))
    for error in errors:
        print(error)
    print(f"{len(table)} streams, {len(errors)} errors")
    return 1 if errors else 0


sys.exit(main())
