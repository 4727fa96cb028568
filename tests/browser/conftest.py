"""A headless browser, and reports to look at in it.

The browser is the system's own: Chromium or Chrome, from the environment variable CHROMIUM or the path.
"""

from __future__ import annotations

import os
import shutil
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

import pytest
from playwright.sync_api import Browser, Page, Request, sync_playwright
from taskguard.contract.draws import Draws
from taskguard.errors import HistoryError
from taskguard.history import SavedRun
from taskguard.judging.grading import grade
from taskguard.reports.html import REPORT_FILE, write_report

from tests.places import PROJECT
from tests.thoroughness import THOROUGH
from tests.unit.judging.building import UNSEEDED, missing
from tests.unit.judging.reporting import HOSTILE, broken, good, graded, hostile, manifest_of, many

_PROGRAMS = ("chromium", "chromium-browser", "google-chrome", "google-chrome-stable")

_ARGUMENTS = (
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
)

SCREENSHOTS = PROJECT / ".taskguard" / "screenshots"

NAMES = ("good", "broken", "hostile", "unknown", "many", "empty")


@pytest.fixture(scope="session")
def browser() -> Iterator[Browser]:
    program = os.environ.get("CHROMIUM") or next(filter(None, map(shutil.which, _PROGRAMS)), None)
    if program is None:
        message = (
            f"none of {', '.join(_PROGRAMS)} is on the path: install Chromium (Debian: apt-get install chromium), "
            "or name its program with CHROMIUM="
        )
        pytest.fail(message) if THOROUGH else pytest.skip(message)
    as_root = os.geteuid() == 0
    arguments = [*_ARGUMENTS, *(["--no-sandbox"] if as_root else [])]
    with sync_playwright() as playwright:
        launched = playwright.chromium.launch(executable_path=program, args=arguments, chromium_sandbox=not as_root)
        yield launched
        launched.close()


@pytest.fixture(scope="session")
def reports(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    """A report's file by the name of the run."""
    runs = {
        "good": (graded(good()), manifest_of()),
        "broken": (graded(broken()), manifest_of(clock_scale=60.0)),
        "hostile": (
            graded(hostile()),
            manifest_of(draws=Draws(seed=HOSTILE, rate=0.3), target=HOSTILE, settings={HOSTILE: HOSTILE}),
        ),
        "unknown": (graded([*good(), missing("Delivered")], UNSEEDED), manifest_of(UNSEEDED)),
        "many": (many(10_000), manifest_of()),
        "empty": (graded([]), manifest_of()),
    }
    files = {}
    for name, ((judged, history), manifest) in runs.items():
        folder = tmp_path_factory.mktemp(name)
        write_report(folder, judged, history, manifest)
        files[name] = folder / REPORT_FILE
    return files


@pytest.fixture
def graded_run(tmp_path: Path) -> Path:
    """The report of the last run that was graded in this folder."""
    folders = [Path(os.environ["OUT"])] if os.environ.get("OUT") else sorted((PROJECT / "runs").glob("*"))
    finished = [folder for folder in folders if (folder / "grade.json").is_file()]
    if not finished:
        pytest.skip("no run was graded here: `make grade` makes one")
    try:
        run = SavedRun.read(finished[-1])
    except HistoryError as error:
        if THOROUGH:
            raise
        pytest.skip(str(error))  # an older TaskGuard made it
    write_report(tmp_path, grade(run.history, run.manifest.terms), run.history, run.manifest)
    return tmp_path / REPORT_FILE


@dataclass
class Watched:
    """A page, all that it asked of a network beyond itself, and all that it complained of."""

    page: Page
    complaints: list[str] = field(default_factory=list)
    requests: list[str] = field(default_factory=list)

    def open(self, file: Path) -> Page:
        self.page.goto(file.as_uri())
        return self.page

    def note(self, request: Request) -> None:
        if not (request.is_navigation_request() and request.url.startswith("file:")):
            self.requests.append(request.url)


@pytest.fixture
def watched(browser: Browser) -> Iterator[Watched]:
    with browser.new_context(viewport={"width": 1280, "height": 900}, color_scheme="light") as context:
        watching = Watched(context.new_page())
        watching.page.on("console", lambda message: watching.complaints.append(message.text))
        watching.page.on("pageerror", lambda error: watching.complaints.append(str(error)))
        watching.page.on("request", watching.note)
        yield watching
        assert watching.complaints == []
        assert [url for url in watching.requests if not url.startswith("data:")] == []


def keep_screenshot(page: Page, name: str) -> None:
    SCREENSHOTS.mkdir(parents=True, exist_ok=True)
    page.screenshot(path=SCREENSHOTS / f"{name}.png", full_page=True)
