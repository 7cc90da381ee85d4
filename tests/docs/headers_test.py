"""Every public header compiles alone, and clipk/clipk.hpp includes them all.

A header that a source of the library includes first has been compiled alone by the build; the others
are compiled here.

    headers_test.py SOURCE_DIR COMPILER [FLAG...]
"""
import concurrent.futures
import os
import pathlib
import re
import subprocess
import sys

FIRST_INCLUDE = re.compile(r'\A(?:\s|//[^\n]*\n|/\*.*?\*/)*#include "(clipk/[^"]+)"', re.DOTALL)


def compile_error(root, command, header):
    source = f'#include "{header}"\n#include "{header}"\n'
    run = subprocess.run([*command, "-std=c++20", "-fsyntax-only", f"-I{root}/include", "-xc++", "-"],
                         input=source, capture_output=True, text=True)
    return run.stderr if run.returncode else ""


def main():
    root, command = pathlib.Path(sys.argv[1]).resolve(), sys.argv[2:]
    headers = {path.relative_to(root / "include").as_posix() for path in (root / "include").rglob("*.hpp")}
    compiled = set()
    for source in (root / "host").rglob("*.cpp"):
        first = FIRST_INCLUDE.match(source.read_text(encoding="utf-8"))
        if first:
            compiled.add(first[1])
    problems = []
    alone = sorted(headers - compiled)
    with concurrent.futures.ThreadPoolExecutor(os.cpu_count()) as pool:
        for header, error in zip(alone, pool.map(lambda h: compile_error(root, command, h), alone)):
            if error:
                problems.append(f"{header}: expected to compile alone, got\n{error}")
    everything = (root / "include/clipk/clipk.hpp").read_text(encoding="utf-8")
    included = set(re.findall(r'#include "([^"]+)"', everything))
    for header in sorted(headers - included - {"clipk/clipk.hpp"}):
        problems.append(f"clipk/clipk.hpp: expected #include \"{header}\", found none")
    for header in sorted(included - headers):
        problems.append(f"clipk/clipk.hpp: expected no #include of {header}, which does not exist")
    if len(headers) < 80:
        problems.append(f"expected at least 80 headers below {root}/include, got {len(headers)}")
    print("\n".join(problems) or f"{len(headers)} headers, {len(alone)} compiled here")
    return 1 if problems else 0


if __name__ == "__main__":
    sys.exit(main())
