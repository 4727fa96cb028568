"""Functions that bring their own runtime: which program is run, and for which processor it was made."""

from __future__ import annotations

import json
import platform
import subprocess
import sys
from pathlib import Path

import pytest
from taskguard.engine.functions.launch import Folders, Function
from taskguard.engine.functions.runtimes import launch_of
from taskguard.engine.functions.runtimes.provided import OtherProcessorError, Provided, processor_of
from taskguard.engine.settings import FunctionRuntime
from taskguard.errors import SetupError
from taskguard.targets.runtimes import find_runtime

RUNTIME = FunctionRuntime("/bin/sh", (), "Linux x86_64", language="provided", name="provided.al2023")
SCRIPT = '#!/bin/sh\nprintf \'"%s of %s"\' "$_HANDLER" "$0"\n'


def told(task_root: Path, opt: Path | None) -> subprocess.CompletedProcess[str]:
    function = Function(runtime=RUNTIME, handler="work", variables={})
    launch = launch_of(function, Folders(task_root=task_root, home=task_root, opt=opt))
    return subprocess.run(
        launch.argv, env=dict(launch.environment), capture_output=True, text=True, check=False, timeout=30
    )


def with_program(folder: Path) -> Path:
    folder.mkdir(parents=True)
    (folder / "bootstrap").write_text(SCRIPT)
    (folder / "bootstrap").chmod(0o755)
    return folder


def test_the_package_s_program_goes_before_a_layer_s(tmp_path: Path) -> None:
    package, layer, empty = with_program(tmp_path / "task"), with_program(tmp_path / "opt"), tmp_path / "empty"
    empty.mkdir()
    assert json.loads(told(package, layer).stdout) == f"work of {package}/bootstrap"
    assert json.loads(told(empty, layer).stdout) == f"work of {layer}/bootstrap"


def test_without_any_it_is_said_in_lambdas_words(tmp_path: Path) -> None:
    done = told(tmp_path, None)
    assert (done.returncode, done.stderr) == (127, f"Couldn't find valid bootstrap(s): [{tmp_path}/bootstrap]\n")


@pytest.mark.parametrize(
    ("content", "processor"),
    [
        (b"\x7fELF" + bytes(14) + b"\x3e\x00", "x86_64"),
        (b"\x7fELF" + bytes(14) + b"\xb7\x00", "aarch64"),
        (b"\x7fELF" + bytes(14) + b"\xf3\x00", None),
        (b"\x7fELF", None),
        (SCRIPT.encode(), None),
    ],
)
def test_a_program_s_header_tells_its_processor(tmp_path: Path, content: bytes, processor: str | None) -> None:
    (tmp_path / "bootstrap").write_bytes(content)
    assert processor_of(tmp_path / "bootstrap") == processor
    assert processor_of(tmp_path / "none") is None


@pytest.mark.parametrize(("machine", "fits"), [("x86_64", True), ("AMD64", True), ("arm64", False)])
def test_one_for_another_processor_is_refused_with_what_to_do(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, machine: str, fits: bool
) -> None:
    monkeypatch.setattr(platform, "machine", lambda: machine)
    (tmp_path / "bootstrap").write_bytes(b"\x7fELF" + bytes(14) + b"\x3e\x00")
    if fits:
        Provided().prepare(RUNTIME, tmp_path, None)
    else:
        with pytest.raises(OtherProcessorError, match="is made for x86_64, and this machine is aarch64: build it"):
            Provided().prepare(RUNTIME, tmp_path, None)


def test_it_runs_on_linux_alone(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "platform", "linux")
    found = find_runtime("provided.al2023", tmp_path)
    assert (found.language, found.is_own, found.library_path) == ("provided", True, ())
    assert found.runs_on.startswith("its own program, on ")
    monkeypatch.setattr(sys, "platform", "darwin")
    with pytest.raises(SetupError, match="is a program for Linux"):
        find_runtime("provided.al2", tmp_path)
