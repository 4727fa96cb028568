"""Functions that are for another processor than this machine's run here all the same, and that is told."""

from __future__ import annotations

from pathlib import Path
from types import SimpleNamespace

import pytest
from taskguard.places import Places
from taskguard.service import deployment
from taskguard.service.deployers.base import Deployed

from tests.unit.taskguard.fake_platform import ours

TOLD = "Architectures arm64 of processTask: built for and run on this machine's processor, x86_64"


@pytest.mark.parametrize(
    ("machine", "recording", "told"),
    [("x86_64", Path("r"), (TOLD,)), ("aarch64", Path("r"), ()), ("arm64", Path("r"), ()), ("x86_64", None, ())],
)
def test_functions_for_another_processor_are_told_where_our_engine_runs_them_on_this_one(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, machine: str, recording: Path | None, told: tuple[str, ...]
) -> None:
    monkeypatch.setattr("platform.machine", lambda: machine)
    deployer = SimpleNamespace(deploy=lambda _: Deployed(stack_name="TaskGuard-qa"))
    monkeypatch.setattr(deployment, "chosen", lambda *_: deployer)
    there = ours(recording=recording)
    there.functions_there["TaskGuard-qa-processTask"]["Architectures"] = ["arm64"]
    there.functions_there["TaskGuard-qa-submitTask"]["Architectures"] = ["x86_64"]
    assert deployment.deploy(there, "qa", places=Places.of(tmp_path)).set_aside == told
