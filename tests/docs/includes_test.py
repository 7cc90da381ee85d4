"""No #include reaches a higher layer, and none goes in a circle.

docs/architecture.md draws the layers; MAY_INCLUDE below is the same, for the machine. Only host/ops
reaches the implementations in host/cpu and kernels.

    includes_test.py SOURCE_DIR
"""
import pathlib
import re
import sys

# A folder and what it may include beside itself. A path belongs to the longest folder that fits.
CORE = ["include/clipk/core", "host/core"]
OPS = ["include/clipk/ops"]
MAY_INCLUDE = {
    "include/clipk/core": [],
    "include/clipk/io": ["include/clipk/core"],
    "include/clipk/ops": ["include/clipk/core"],
    "include/clipk/train": ["include/clipk/core", "include/clipk/io", *OPS],
    "include/clipk/metrics": ["include/clipk/core", *OPS],
    "include/clipk/models": ["include/clipk/core", "include/clipk/io", "include/clipk/train",
                             "include/clipk/metrics", *OPS],
    "include/clipk": ["include/clipk/core", "include/clipk/io", "include/clipk/train",
                      "include/clipk/metrics", "include/clipk/models", *OPS],
    "host/core": [*CORE, "include/clipk/version.hpp"],
    "host/linalg": [*CORE],
    "host/shared": [*CORE, *OPS],
    "host/cpu": [*CORE, "host/linalg", "host/shared", *OPS],
    "kernels": [*CORE, "host/shared", "tests/simt/runtime", *OPS],
    "host/ops": [*CORE, "host/linalg", "host/shared", "host/cpu", "kernels", *OPS],
    "host/io": [*CORE, "include/clipk/io"],
    "host/train": [*CORE, "include/clipk/io", "include/clipk/train", *OPS],
    "host/metrics": [*CORE, "host/linalg", "include/clipk/metrics", *OPS],
    "host/models": [*CORE, "host/linalg", "host/train", "include/clipk/io", "include/clipk/train",
                    "include/clipk/metrics", "include/clipk/models", *OPS],
    # Programs are written as a user would write them: over the public headers alone.
    "examples": ["include/clipk"],
    "bench": ["include/clipk"],
}
# Benches of what has no public header.
EXCEPTIONS = {("bench/gemm_bench.cpp", "host/linalg/gemm.hpp")}
SUFFIXES = {".hpp", ".cpp", ".cu", ".cuh"}
INCLUDE = re.compile(r'^\s*#include "([^"]+)"', re.MULTILINE)


def folder_of(path):
    fits = [folder for folder in MAY_INCLUDE if path.startswith(folder + "/")]
    return max(fits, key=len, default=None)


def target_of(root, source, name):
    """The file of the repository that an #include names, or None for one of another library."""
    for base in ("include", "host", "", "tests", "examples", str(pathlib.PurePath(source).parent)):
        path = (pathlib.PurePath(base) / name).as_posix()
        if (root / path).is_file():
            return path
    return None


def forbidden(includes):
    """(source, target) of every #include that the layers do not allow."""
    for source, targets in includes.items():
        own = folder_of(source)
        for target in targets:
            allowed = any(f"{target}/".startswith(folder + "/") for folder in [own, *MAY_INCLUDE[own]])
            if not allowed and (source, target) not in EXCEPTIONS:
                yield source, target


def circle(includes):
    """One circle of #includes as a list of files, or an empty list."""
    done, path = set(), []

    def visit(source):
        if source in path:
            return path[path.index(source):] + [source]
        if source in done:
            return []
        path.append(source)
        for target in includes.get(source, []):
            found = visit(target)
            if found:
                return found
        path.pop()
        done.add(source)
        return []

    for source in includes:
        found = visit(source)
        if found:
            return found
    return []


def main():
    root = pathlib.Path(sys.argv[1]).resolve()
    includes = {}
    for top in ("include", "host", "kernels", "examples", "bench"):
        for path in sorted((root / top).rglob("*")):
            if path.suffix not in SUFFIXES:
                continue
            source = path.relative_to(root).as_posix()
            targets = (target_of(root, source, name) for name in INCLUDE.findall(path.read_text(encoding="utf-8")))
            includes[source] = [target for target in targets if target]
    problems = [f"{source}: expected no #include of {target}: it is no layer below {folder_of(source)}"
                for source, target in forbidden(includes)]
    found = circle(includes)
    if found:
        problems.append("expected no circle of #includes, got " + " -> ".join(found))
    if len(includes) < 300:
        problems.append(f"expected at least 300 source files below {root}, got {len(includes)}")
    print("\n".join(problems) or f"{len(includes)} files, {sum(map(len, includes.values()))} #includes")
    return 1 if problems else 0


if __name__ == "__main__":
    sys.exit(main())
