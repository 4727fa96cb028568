"""A function's package is read-only to it, as on Lambda, and what somebody changed of it all the same nobody else gets to see."""

from __future__ import annotations

import compileall
import importlib.util
import os
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


def test_what_was_compiled_of_the_same_modules_is_taken_over(tmp_path: Path) -> None:
    from taskguard.engine.functions.runtimes.python_compiled import take_over_compiled

    before, now = tmp_path / "before", tmp_path / "now"
    same, other, later, elsewhere, brought = "same.py", "other.py", "later.py", "package/elsewhere.py", "brought.py"
    for folder in (before, now):
        (folder / "package").mkdir(parents=True)
        for name in (same, other, later, elsewhere, brought):
            (folder / name).write_text("x = 2\n" if (folder, name) == (now, other) else "x = 1\n")
            os.utime(folder / name, (1000, 2000 if (folder, name) == (now, later) else 1000))
    (now / "new.py").write_text("x = 1\n")
    (now / "linked.py").symlink_to(now / same)
    (before / "linked.py").symlink_to(before / same)
    compileall.compile_dir(before, quiet=2)
    cache = {name: now / Path(name).parent / "__pycache__" for name in (same, elsewhere)}
    cache[same].mkdir()
    own = cache[same] / cached(brought)
    own.write_text("its own")
    take_over_compiled(before, now)
    assert {each.name for each in cache[same].iterdir()} == {cached(same), cached(brought)}
    assert (cache[same] / cached(same)).read_bytes() == (before / "__pycache__" / cached(same)).read_bytes()
    assert own.read_text() == "its own"
    assert [each.name for each in cache[elsewhere].iterdir()] == [cached("elsewhere.py")]


def cached(module: str) -> str:
    return Path(importlib.util.cache_from_source(module)).name
