"""Makes the pictures in docs/pictures from a run of our service: `.venv/bin/python -m tools.pictures`.

The console's is what `make grade` prints from its verdicts on, 80 columns wide, as SVG. The report's is the top of its page in
a headless Chromium, as PNG, of a run of our service with a mistake in it. Both runs are made anew each time.
"""

from __future__ import annotations

import io
import os
import re
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

from playwright.sync_api import sync_playwright
from rich.console import Console
from rich.text import Text
from taskguard.service.config import CONFIG_FILE

from tests.mutants.variants import VARIANTS, broken_service
from tests.places import PROJECT

PICTURES = PROJECT / "docs" / "pictures"
_COLUMNS = 80
# Every failed attempt waits 5 s.
_BROKEN = "constant-backoff"
_RUN = "20260102T030405.678901Z"
_PROGRAMS = ("chromium", "chromium-browser", "google-chrome", "google-chrome-stable")
_ESCAPES = re.compile(r"\x1b\[[\d;]*m")
# Rich's own template, without fonts that a browser would fetch from elsewhere.
_SVG = """\
<svg class="rich-terminal" viewBox="0 0 {width} {height}" xmlns="http://www.w3.org/2000/svg">
<style>
.{unique_id}-matrix {{ font: {char_height}px ui-monospace, Menlo, Consolas, "DejaVu Sans Mono", monospace; line-height: {line_height}px }}
{styles}
</style>
<defs>
<clipPath id="{unique_id}-clip-terminal"><rect x="0" y="0" width="{terminal_width}" height="{terminal_height}"/></clipPath>
{lines}
</defs>
{chrome}
<g transform="translate({terminal_x}, {terminal_y})" clip-path="url(#{unique_id}-clip-terminal)">
{backgrounds}
<g class="{unique_id}-matrix">{matrix}</g>
</g>
</svg>
"""


def from_the_verdicts(printed: str) -> str:
    """What a run printed from its first verdict on.

    Raises:
        ValueError: when there is no verdict in it.
    """
    lines = printed.splitlines()
    for number, line in enumerate(lines):
        if re.match(r"[✓✗?] \w", _ESCAPES.sub("", line)):
            return "\n".join(lines[number:])
    raise ValueError(f"no verdict in what the run printed: {printed[-500:]!r}")


def as_svg(printed: str, title: str) -> str:
    """A console with this text, in the colours that its escapes ask for."""
    console = Console(record=True, width=_COLUMNS, file=io.StringIO(), highlight=False)
    console.print(Text.from_ansi(printed), soft_wrap=False)
    return console.export_svg(title=title, code_format=_SVG, unique_id="console")


def screenshot(page: Path, picture: Path, *, width: int, height: int) -> None:
    """The top of a page, as a reader with a light screen has it."""
    program = os.environ.get("CHROMIUM") or next(filter(None, map(shutil.which, _PROGRAMS)), None)
    if program is None:
        raise SystemExit(
            "Chromium is needed: install it (Debian: apt-get install chromium), or name its program with CHROMIUM=."
        )
    as_root = os.geteuid() == 0
    arguments = ["--disable-gpu", *(["--no-sandbox"] if as_root else [])]
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=program, args=arguments, chromium_sandbox=not as_root)
        shown = browser.new_page(viewport={"width": width, "height": height})
        shown.goto(page.as_uri())
        shown.screenshot(path=picture)
        browser.close()


def graded(service: Path, run: Path, *options: str) -> str:
    """What `taskguard grade` prints, in colours and 80 columns."""
    command = [str(Path(sys.executable).with_name("taskguard")), "grade", *options, "--out", str(run)]
    environment = os.environ | {"FORCE_COLOR": "1", "COLUMNS": str(_COLUMNS)}
    done = subprocess.run(command, cwd=service, env=environment, stdout=subprocess.PIPE, text=True, check=False)
    # Where a run's folder is for somebody who types this.
    return from_the_verdicts(done.stdout.replace(str(run), f"runs/{_RUN}"))


def main() -> int:
    variant = next(each for each in VARIANTS if each.name == _BROKEN)
    PICTURES.mkdir(exist_ok=True)
    with tempfile.TemporaryDirectory() as scratch, broken_service(variant) as broken:
        printed = graded(PROJECT, Path(scratch) / "passed", "--seed", "2026")
        (PICTURES / "console.svg").write_text(as_svg(printed, "make grade"), encoding="utf-8")
        # By which it is judged as ours is.
        shutil.copy2(PROJECT / CONFIG_FILE, broken)
        failed = Path(scratch) / "failed"
        graded(broken, failed, "--seed", "2026")
        screenshot(failed / "report.html", PICTURES / "report.png", width=900, height=924)
    return 0


if __name__ == "__main__":
    sys.exit(main())
