"""A function's package is read-only to it, as on Lambda, and what somebody changed of it all the same nobody else gets to see."""

from __future__ import annotations

import importlib.util
import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path

import pytest
from taskguard.targets.base import Endpoint

from tests.engine.conftest import Create, Function

WRITER = """
import os, sys, pathlib

here = pathlib.Path(os.environ["LAMBDA_TASK_ROOT"])

def tried(act):
    try:
        act()
        return "done"
    except OSError as error:
        return type(error).__name__

def handler(event, context):
    if event.get("by_force"):
        here.chmod(0o755)
        (here / "task.py").chmod(0o644)
        (here / "task.py").write_text(event["by_force"])
    return {
        "source": (here / "task.py").read_text(),
        "root": str(here),
        "pid": os.getpid(),
        "cached": sys.modules["task"].__cached__ is not None and os.path.exists(sys.modules["task"].__cached__),
        "overwrite": tried(lambda: (here / "task.py").open("a")),
        "create": tried(lambda: (here / "new.txt").write_text("x")),
        "folder": tried(lambda: (here / "new").mkdir()),
        "delete": tried(lambda: (here / "task.py").unlink()),
        "elsewhere": tried(lambda: (pathlib.Path(os.environ["TMPDIR"]) / "new.txt").write_text("x")),
    }
"""
DO = ("overwrite", "create", "folder", "delete")


def test_a_function_cannot_write_to_its_package(function: Create) -> None:
    told = function(WRITER).invoke().payload
    assert {name: told[name] for name in DO} == dict.fromkeys(DO, "PermissionError")
    assert told["elsewhere"] == "done"
    # What it imports is compiled nevertheless.
    assert told["cached"]


def test_what_is_changed_by_force_is_not_what_another_environment_gets(endpoint: Endpoint, function: Create) -> None:
    evil = "def handler(event, context):\n    return 'evil'\n"
    # A package of its own: the other tests' functions, which run at the same time, share theirs.
    source = WRITER + "# to be changed"
    one, other = function(source), function(source)
    before = one.invoke().payload
    told = one.invoke(by_force=evil).payload
    assert (told["root"], told["source"]) == (before["root"], evil)

    # Another function of the same package, and a new environment of the same.
    for unharmed in (other.invoke().payload, start_again(endpoint, one).invoke().payload):
        assert unharmed["source"] == before["source"]
        assert unharmed["root"] != before["root"]
        assert unharmed["pid"] != told["pid"]


def test_an_unchanged_package_is_shared(function: Create) -> None:
    one, other = function(WRITER), function(WRITER)
    assert one.invoke().payload["root"] == other.invoke().payload["root"]


@pytest.mark.parametrize("name", ["task.py", "."])
def test_nobody_may_write_what_is_unzipped(function: Create, name: str) -> None:
    root = Path(function(WRITER).invoke().payload["root"])
    assert (root / name).stat().st_mode & 0o222 == 0


def start_again(endpoint: Endpoint, function: Function) -> Function:
    lambdas = endpoint.functions()
    lambdas.update_function_configuration(FunctionName=function.name, Environment={"Variables": {"AGAIN": "1"}})
    lambdas.get_waiter("function_updated_v2").wait(FunctionName=function.name, WaiterConfig={"Delay": 1})
    return function


def test_what_is_compiled_is_kept_for_all_packages_with_the_same_folders(tmp_path: Path) -> None:
    kept = tmp_path / "kept"
    kept.mkdir()
    one = linked(tmp_path / "one", kept, {"same/a.py": "x = 1\n", "same/b.py": "y = (\n", "other/a.py": "x = 1\n"})
    there = set(kept.iterdir())
    two = linked(tmp_path / "two", kept, {"same/a.py": "x = 1\n", "same/b.py": "y = (\n", "other/a.py": "x = 2\n"})
    caches = {name: (one / name / "__pycache__", two / name / "__pycache__") for name in ("same", "other")}
    assert caches["same"][0].resolve() == caches["same"][1].resolve()
    assert caches["other"][0].resolve() != caches["other"][1].resolve()
    # What cannot be compiled is told to whoever imports it.
    assert [each.name for each in caches["same"][0].iterdir()] == [cached("a.py")]
    assert set(kept.iterdir()) == {*there, caches["other"][1].resolve()}


def test_what_is_kept_is_imported_as_if_it_lay_beside_its_module(tmp_path: Path) -> None:
    kept = tmp_path / "kept"
    kept.mkdir()
    package = linked(tmp_path / "package", kept, {"task.py": "def f():\n    return f.__code__.co_filename\n"})
    program = "import task; print(task.f(), task.__cached__)"
    done = subprocess.run(
        [sys.executable, "-c", program], cwd=package, capture_output=True, text=True, check=True, env={}
    )
    assert done.stdout.split() == [str(package / "task.py"), str(package / "__pycache__" / cached("task.py"))]
    assert (package / "__pycache__" / cached("task.py")).exists()


def test_what_a_package_has_brought_itself_stays_its_own(tmp_path: Path) -> None:
    kept, elsewhere = tmp_path / "kept", tmp_path / "elsewhere.py"
    kept.mkdir()
    elsewhere.write_text("x = 1\n")
    package = tmp_path / "package"
    package.mkdir()
    (package / "linked.py").symlink_to(elsewhere)
    files = {"brought/a.py": "x = 1\n", "brought/__pycache__/old.pyc": "old", "brought/below/a.py": "x = 1\n"}
    linked(package, kept, files)
    brought = package / "brought" / "__pycache__"
    assert not brought.is_symlink()
    assert {each.name for each in brought.iterdir()} == {"old.pyc", cached("a.py")}
    assert (package / "brought" / "below" / "__pycache__").is_symlink()
    assert not (package / "__pycache__").exists()


def linked(package: Path, kept: Path, files: Mapping[str, str]) -> Path:
    """The folder with these files, and what is compiled of them."""
    from taskguard.engine.functions.runtimes.python_compiled import link_compiled

    for name, text in files.items():
        (package / name).parent.mkdir(parents=True, exist_ok=True)
        (package / name).write_text(text)
    link_compiled(sys.executable, package, kept, f"../{kept.name}")
    return package


def cached(module: str) -> str:
    return Path(importlib.util.cache_from_source(module)).name
