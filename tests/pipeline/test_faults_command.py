"""A graded run with faults as a user has it: broken from inside and from outside, judged, told of, and to be repeated."""

import json
import re
from pathlib import Path

import pytest
from taskguard.history import FaultInjected, SavedRun
from taskguard.judging.guarantees import GUARANTEES

from tests.pipeline.test_command import processes_of, taskguard
from tests.places import PROJECT

pytestmark = [pytest.mark.heavy, pytest.mark.in_process]

# Enough of each that all of them are met, whatever the machine.
FAULTS = (
    "kill when=after call=UpdateItem function=processTask receive=1 rate=20%; throttle when=after rate=20%; "
    "lose rate=20% receive=1; twice rate=20%; consumer-off from=1 for=2; deploy from=2"
)


def test_a_run_with_faults_keeps_every_guarantee_and_tells_what_was_broken(tmp_path: Path) -> None:
    out = tmp_path / "run"
    asked = ["--tasks", "20", "--seed", "2026", "--clock-scale", "60", "--faults", FAULTS, "--fault-seed", "7"]
    done = taskguard("grade", str(PROJECT), *asked, "--fresh", "--out", str(out), folder=tmp_path)
    assert done.returncode == 0, done.stdout + done.stderr
    assert "Seed of the faults: 7. 6 faults of 6 kinds" in done.stdout
    assert re.search(
        rf"^Run it again with: \S*taskguard grade {PROJECT} --replay {re.escape(str(out))}$",
        done.stdout,
        re.MULTILINE,
    )
    passed = [line.split()[1] for line in done.stdout.splitlines() if line.startswith("pass ")]
    assert passed == list(GUARANTEES)
    assert processes_of(out) == {}

    saved = SavedRun.read(out)
    injected = saved.history.of_kind(FaultInjected)
    assert {each.kind for each in injected} == {"kill", "throttle", "lose", "twice", "consumer-off", "deploy"}
    told = json.loads((out / "nemesis.json").read_text())
    assert (told["fault_seed"], told["injections"], told["lost"], told["doubled"]) == ("7", len(injected), 0, 0)
    assert 'id="faults"' in (out / "report.html").read_text()
    replaced = [each for each in injected if each.kind == "deploy"]
    assert all(each.until_ms and each.until_ms > each.at_ms for each in replaced)

    again = taskguard("check", str(out), folder=tmp_path)
    assert (again.returncode, again.stderr) == (0, "")
