"""Builds docs/ as a website in ``build/docs``, strictly and without the network: `make docs`.

The navigation is what docs/index.md has: a group for each of its headings, in its order. Pages are rendered from a copy, in which
links to files outside of docs/ are text, since the site does not have these files. A broken link, also to a heading, fails the build.
"""

from __future__ import annotations

import json
import os
import re
import shutil
import subprocess
import sys
from collections.abc import Iterator

from taskguard.errors import SetupError
from taskguard.targets.environments import engine_python, installed

from tests.places import PLACES, PROJECT

DOCS = PROJECT / "docs"
_LOCK = PROJECT / "requirements" / "docs.txt"
_BUILT = PROJECT / "build" / "docs"
_OUTSIDE = re.compile(r"\[([^\]]+)\]\(\.\./[^)]+\)")
# What depends on nothing but this: the theme's fonts would be fetched from elsewhere, and addresses of folders need a web server.
_SETTINGS = """\
[project]
site_name = "TaskGuard"
docs_dir = "pages"
site_dir = "site"
use_directory_urls = false
nav = {nav}

[project.theme]
font = false
features = ["navigation.sections", "navigation.footer", "content.code.copy"]

[[project.theme.palette]]
media = "(prefers-color-scheme: light)"
scheme = "default"

[[project.theme.palette]]
media = "(prefers-color-scheme: dark)"
scheme = "slate"

[project.markdown_extensions.tables]

[project.markdown_extensions.toc]
permalink = true

[project.markdown_extensions.pymdownx.highlight]

[project.markdown_extensions.pymdownx.superfences]
# Drawn by a script that the browser fetches; without a network the diagram's text is shown.
custom_fences = [{{ name = "mermaid", class = "mermaid", format = "pymdownx.superfences.fence_code_format" }}]
"""


def groups(index: str) -> dict[str, str | list[str]]:
    """The pages by the heading of the index under which each is named first."""
    found: dict[str, str | list[str]] = {}
    seen = {"index.md"}
    for section in re.split(r"^## ", index, flags=re.MULTILINE)[1:]:
        heading, _, text = section.partition("\n")
        pages = [page for page in dict.fromkeys(re.findall(r"\]\(([\w-]+\.md)", text)) if page not in seen]
        seen.update(pages)
        if pages:
            found[heading.strip()] = pages
    return found


def within(page: str) -> str:
    """A page whose links to files outside of docs/ are text."""
    return _OUTSIDE.sub(r"\1", page)


def main() -> int:
    try:
        return _build()
    except SetupError as error:
        print(f"make docs: {error}", file=sys.stderr)
        return 3


def _build() -> int:
    _lay_out()
    python = engine_python()
    packages = installed(_LOCK, python, PLACES.cache, "what builds the documentation").packages
    done = subprocess.run(
        [python.executable, "-m", "zensical", "build", "--clean", "--strict"],
        cwd=_BUILT,
        env=os.environ | {"PYTHONPATH": str(packages), "NO_COLOR": "1"},
        capture_output=True,
        text=True,
        check=False,
    )
    if done.returncode != 0:
        print(*_told(done.stdout + done.stderr), sep="\n", file=sys.stderr)
        print(f"make docs: the documentation could not be built. Its pages are in {DOCS.name}/.", file=sys.stderr)
        return 1
    print(f"Built {_BUILT.relative_to(PROJECT) / 'site' / 'index.html'}")
    return 0


def _lay_out() -> None:
    shutil.rmtree(_BUILT, ignore_errors=True)
    pages = _BUILT / "pages"
    shutil.copytree(DOCS, pages)
    for page in pages.glob("*.md"):
        page.write_text(within(page.read_text(encoding="utf-8")), encoding="utf-8")
    nav = {"Overview": "index.md"} | groups((DOCS / "index.md").read_text(encoding="utf-8"))
    listed = ", ".join(f"{{ {json.dumps(name)} = {json.dumps(pages)} }}" for name, pages in nav.items())
    (_BUILT / "zensical.toml").write_text(_SETTINGS.format(nav=f"[{listed}]"), encoding="utf-8")


def _told(said: str) -> Iterator[str]:
    """What the builder says, without the trace of its own by which it ends."""
    for line in said.splitlines():
        if line.startswith("Traceback"):
            return
        yield re.sub(r"\x1b\[[\d;]*m", "", line)


if __name__ == "__main__":
    sys.exit(main())
