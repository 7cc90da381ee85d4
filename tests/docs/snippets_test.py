"""Fails if code shown in a Markdown file differs from the compiled file it names.

A block of code below a line `<!-- from FILE -->` must be what stands between the two `// [snippet]`
lines of FILE, less its indentation.
"""

import pathlib
import re
import sys
import textwrap

root = pathlib.Path(sys.argv[1])
found = bad = 0
for page in [root / "README.md", *sorted((root / "docs").glob("*.md"))]:
    pattern = r"<!-- from (\S+) -->\n```\w*\n(.*?)```"
    for name, shown in re.findall(pattern, page.read_text(), flags=re.S):
        found += 1
        code = re.split(r" *// \[snippet\]\n", (root / name).read_text())[1]
        if textwrap.dedent(code) != shown:
            bad += 1
            print(f"{page.name}: expected the snippet of {name}, got other code")
if found == 0:
    bad = 1
    print("expected snippets in the documents, got none")
sys.exit(bad != 0)
