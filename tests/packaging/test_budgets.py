"""What a cold start has to load stays within a budget: modules for each handler, and the package's size."""

from __future__ import annotations

import zipfile
from pathlib import Path

import pytest

from bench.cold_start import MOST_MODULES, imported
from tests.packaging.support import Package

MOST_ZIPPED_BYTES = 1_300_000
MOST_UNZIPPED_BYTES = 4_500_000


@pytest.mark.parametrize("handler", sorted(MOST_MODULES))
def test_a_handler_imports_no_more_modules_than_its_budget(handler: str, default: Package, tmp_path: Path) -> None:
    with zipfile.ZipFile(default.archive) as archive:
        archive.extractall(tmp_path)
    modules, _ = imported(handler, tmp_path)
    assert modules <= MOST_MODULES[handler]


def test_the_package_is_within_its_size(default: Package) -> None:
    zipped, unzipped = default.archive.stat().st_size, sum(entry.file_size for entry in default.entries)
    print(f"zipped {zipped} bytes, unzipped {unzipped} bytes")  # noqa: T201
    assert zipped <= MOST_ZIPPED_BYTES
    assert unzipped <= MOST_UNZIPPED_BYTES
