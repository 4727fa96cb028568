"""Each change to a library stands in a file of its own, with its reason and its end, and is made."""

import ast
import gc
from collections.abc import Iterator
from pathlib import Path

import pytest
from taskguard.engine import patches
from taskguard.engine.patches import garbage_collection

FOLDER = Path(patches.__file__).parent
NAMES = sorted(path.stem for path in FOLDER.glob("*.py") if path.stem != "__init__")
LIBRARIES = ("CPython", "botocore", "werkzeug", "rolo", "moto", "LocalStack")


def test_all_are_made_once() -> None:
    assert sorted(patches.IN_ORDER) == NAMES


def test_time_is_changed_before_anything_that_may_ask_for_it_is_imported() -> None:
    assert patches.IN_ORDER[:2] == ("garbage_collection", "scaled_time")


@pytest.mark.parametrize("name", NAMES)
def test_it_says_whose_code_it_changes_and_until_when(name: str) -> None:
    module = ast.parse((FOLDER / f"{name}.py").read_text(encoding="utf-8"))
    words = ast.get_docstring(module) or ""
    assert words.startswith(tuple(f"{library}: " for library in LIBRARIES))
    last = words.split("\n\n")[-1]
    assert last.startswith(("Needed until ", "Needed as long as "))
    assert next(each.name for each in module.body if isinstance(each, ast.FunctionDef)) == "apply"


@pytest.fixture
def own_thresholds() -> Iterator[None]:
    before = gc.get_threshold()
    yield
    gc.set_threshold(*before)
    gc.unfreeze()


@pytest.mark.usefixtures("own_thresholds")
def test_garbage_is_collected_in_smaller_amounts_once_the_engine_has_started_and_only_of_what_is_made_then() -> None:
    garbage_collection.apply()
    at_start = gc.get_threshold()
    garbage_collection.expect_work()
    at_work = gc.get_threshold()
    assert at_work[0] * 10 <= at_start[0]
    assert gc.get_freeze_count()
