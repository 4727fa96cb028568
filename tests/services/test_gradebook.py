"""Several submissions of one assignment, as a grader has them: one is right, one is wrong, one cannot be built. Graded twice, into two
folders, by the command itself."""

from __future__ import annotations

import json
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from jsonschema import Draft202012Validator
from taskguard.reports.gradebook.files import CSV_FILE, JSON_FILE, PAGE_FILE
from taskguard.support.sandbox.availability import sandbox_here
from taskguard.testing.plugin import asked

from tests.places import PROJECT, STATE
from tests.services.test_services import service_of

TASKGUARD = Path(sys.executable).with_name("taskguard")

ASSIGNMENT = """
[attempts]
most = [2, 3]

[waiting]
grows = 1.5

[points]
backoff = 3
"""

UNBUILT = """
Resources:
  Tasks:
    Type: AWS::SQS::Queue
    Properties: {VisibilityTimeout: !Ref Nothing}
"""


@pytest.mark.in_process
def test_a_grader_has_the_same_gradebook_twice(request: pytest.FixtureRequest) -> None:
    folder = STATE / "gradebook"
    shutil.rmtree(folder, ignore_errors=True)
    submissions = folder / "submissions"
    for name, service in (("anna", "sam"), ("bert", "sam-constant-wait")):
        service_of(service, submissions / name)
    (submissions / "carla").mkdir()
    (submissions / "carla" / "cloudformation.yml").write_text(UNBUILT)
    (folder / "assignment.toml").write_text(ASSIGNMENT)
    before = sorted(submissions.rglob("*"))

    for out in ("one", "two"):
        done = subprocess.run(
            [
                *(TASKGUARD, "gradebook", "submissions", "--contract", "assignment.toml", "--out", out, "--jobs", "1"),
                *("--tasks", "8", "--clock-scale", str(asked(request.config, "clock-scale"))),
                "--sandbox" if sandbox_here() else "--no-sandbox",
            ],
            cwd=folder,
            capture_output=True,
            text=True,
            check=False,
            timeout=600,
        )
        assert done.returncode == 0, done.stdout + done.stderr

    document: dict[str, Any] = json.loads((folder / "one" / JSON_FILE).read_text())
    Draft202012Validator(json.loads((PROJECT / "docs" / "gradebook.schema.json").read_text())).validate(document)
    anna, bert, carla = document["submissions"]
    assert (anna["outcome"], anna["points"]) == ("pass", anna["of"]), anna
    assert (bert["outcome"], bert["of"] - bert["points"], bert["checks"]["backoff"]) == ("fail", 3, "fail"), bert
    assert "backoff" in bert["findings"][0]["checks"]
    assert (carla["end"], carla["points"]) == ("not built", None), carla
    assert "Nothing" in " ".join(carla["said"])
    for name in (JSON_FILE, CSV_FILE, PAGE_FILE):
        assert (folder / "one" / name).read_bytes() == (folder / "two" / name).read_bytes(), name
    assert sorted(submissions.rglob("*")) == before, "nothing is written into a submission"
