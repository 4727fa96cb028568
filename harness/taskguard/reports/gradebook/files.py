"""The files of a gradebook, and where they are."""

from __future__ import annotations

from pathlib import Path

from taskguard.reports.gradebook.page import render
from taskguard.reports.gradebook.rows import Gradebook
from taskguard.reports.gradebook.tables import as_csv, as_json
from taskguard.support.folders import naming

PAGE_FILE = "gradebook.html"
CSV_FILE = "gradebook.csv"
JSON_FILE = "gradebook.json"


def write_gradebook(book: Gradebook, out: Path) -> None:
    """Write the gradebook into the folder ``out``, which is made where there is none.

    Raises:
        OSError: it cannot be written; names the file.
    """
    out.mkdir(parents=True, exist_ok=True)
    # A spreadsheet takes a file without the mark for one of its own country's encoding.
    for name, text, encoding in (
        (PAGE_FILE, render(book), "utf-8"),
        (CSV_FILE, as_csv(book), "utf-8-sig"),
        (JSON_FILE, as_json(book), "utf-8"),
    ):
        with naming(out / name):
            (out / name).write_text(text, encoding=encoding, errors="backslashreplace", newline="")
