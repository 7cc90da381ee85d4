"""Fails if a relative link in a Markdown file leads nowhere: to no file, or to no heading of it.

Headings are turned into anchors as GitHub does. Links to other sites are left alone, and so is what
stands in code.
"""

import pathlib
import re
import subprocess
import sys
from urllib.parse import unquote

LINK = re.compile(r"(?<!\\)\[(?:[^\[\]]|\[[^\]]*\])*\]\(\s*<?([^)\s>]+)>?(?:\s+\"[^\"]*\")?\s*\)")
REFERENCE = re.compile(r"^ {0,3}\[[^\]^][^\]]*\]:\s*<?(\S+?)>?\s*$", re.M)
FENCE = re.compile(r"^ {0,3}(`{3,}|~{3,}).*?(?:^ {0,3}\1[`~]*[ \t]*$|\Z)", re.M | re.S)
CODE = re.compile(r"(`+)(?!`)(.+?)(?<!`)\1(?!`)", re.S)


def without_code(text):
    """The text with code, and formulas between dollars, blanked: their brackets are no links."""
    text = FENCE.sub("", text)
    text = re.sub(r"\$\$.+?\$\$", "", text, flags=re.S)
    return CODE.sub("", text)


def anchors(text):
    """What links after # may name in this page."""
    found, counts = set(), {}
    for heading in re.findall(r"^ {0,3}#{1,6}[ \t]+(.+?)[ \t]*#*[ \t]*$", FENCE.sub("", text), flags=re.M):
        shown = re.sub(r"!?\[([^\]]*)\]\([^)]*\)", r"\1", heading)  # a link shows its words alone
        slug = re.sub(r"[^\w\- ]", "", shown.strip().lower()).replace(" ", "-")
        number = counts.get(slug, 0)
        counts[slug] = number + 1
        found.add(f"{slug}-{number}" if number else slug)
    found.update(re.findall(r"<a\s+(?:name|id)=\"([^\"]+)\"", text))
    return found


def markdown_files(root):
    """Those of the repository; where there is no git, all outside build folders."""
    listed = subprocess.run(
        ["git", "-C", root, "ls-files", "-z", "--cached", "--others", "--exclude-standard", "*.md"],
        capture_output=True, text=True, check=False)
    if listed.returncode == 0:
        return sorted(root / name for name in listed.stdout.split("\0") if name)
    return sorted(page for page in root.rglob("*.md")
                  if page.relative_to(root).parts[0] not in ("build", "data", "out", ".venv"))


def problem(root, page, target):
    """Why the link leads nowhere, or None."""
    path, _, anchor = unquote(target).partition("#")
    if path.startswith("/"):
        return "a path from the repository's root, which GitHub alone understands"
    file = (page.parent / path).resolve() if path else page
    if not file.exists():
        return "no such file"
    if not file.is_relative_to(root):
        return "a file outside the repository"
    if anchor and file.suffix == ".md" and anchor not in anchors(file.read_text(encoding="utf-8")):
        return "no such heading"
    return None


def main():
    root = pathlib.Path(sys.argv[1]).resolve()
    links = bad = 0
    for page in markdown_files(root):
        if not page.exists():  # deleted, not yet committed
            continue
        text = without_code(page.read_text(encoding="utf-8"))
        for target in LINK.findall(text) + REFERENCE.findall(text):
            if re.match(r"[a-z][a-z0-9+.-]*:", target, flags=re.I):
                continue
            links += 1
            reason = problem(root, page, target)
            if reason:
                bad += 1
                print(f"{page.relative_to(root)}: {target}: {reason}")
    print(f"{links} links, {bad} of them lead nowhere")
    if links == 0:
        sys.exit("expected links in the documents, got none")
    sys.exit(bad != 0)


main()
