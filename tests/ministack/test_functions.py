"""What a function on MiniStack is given, may do and writes is what it would be on Lambda."""

import json
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
from taskguard.support.waiting import wait_for
from taskguard.targets.base import Endpoint
from taskguard.targets.ministack import MiniStack

from tests.ministack.support import create
from tests.places import PLACES

pytestmark = pytest.mark.heavy


@pytest.fixture(scope="module")
def engine(tmp_path_factory: pytest.TempPathFactory, monkeypatch_of_module: pytest.MonkeyPatch) -> Iterator[Endpoint]:
    monkeypatch_of_module.setenv("AWS_SECRET_ACCESS_KEY", "the user's own")
    monkeypatch_of_module.setenv("MINE", "the user's own")
    with MiniStack(tmp_path_factory.mktemp("engine"), cache=PLACES.cache) as ministack:
        yield ministack.start()


@pytest.fixture(scope="module")
def monkeypatch_of_module() -> Iterator[pytest.MonkeyPatch]:
    with pytest.MonkeyPatch.context() as patch:
        yield patch


def test_it_finds_what_lambda_has_and_nothing_else(engine: Endpoint) -> None:
    source = """
        |import importlib.util, os, sys
        |def handler(event, context):
        |    found = {name: importlib.util.find_spec(name) is not None for name in event["modules"]}
        |    return {"found": found, "python": sys.version_info[:2], "environment": dict(os.environ)}
    """
    given = {"boto3", "awslambdaric"}
    modules = sorted(given | {"ministack", "yaml", "hypercorn", "taskguard", "pytest", "localstack", "pip"})
    payload = create(engine, source).invoke(modules=modules).payload
    assert {name for name, found in payload["found"].items() if found} == given
    assert "the user's own" not in json.dumps(payload["environment"])
    assert payload["environment"]["AWS_REGION"] == engine.region
    version = ".".join(map(str, payload["python"]))
    assert dict(engine.versions)["lambda runtime"].startswith(f"Python {version}.")


def test_a_role_is_enforced(engine: Endpoint) -> None:
    source = """
        |import boto3
        |def handler(event, context):
        |    try:
        |        return boto3.client("sqs").create_queue(QueueName="mine")["QueueUrl"]
        |    except Exception as error:
        |        return str(error)
    """
    refused = create(engine, source, actions=["sqs:ListQueues"]).invoke().payload
    assert "AccessDenied" in refused
    assert "sqs:CreateQueue" in refused
    allowed = create(engine, source, actions=["sqs:CreateQueue"]).invoke().payload
    assert allowed == f"{engine.url}/000000000000/mine"


def test_all_that_it_writes_is_logged_with_its_invocation(engine: Endpoint) -> None:
    source = """
        |import sys
        |def handler(event, context):
        |    for number in range(event["lines"]):
        |        print(event["name"], number)
        |    sys.stderr.write(event["name"] + " without an end")
    """
    function = create(engine, source)
    ids = {name: function.invoke(name=name, lines=3000).request_id for name in ("first", "second")}
    assert len(ids) == 2
    logged = blocks(function.log("second without an end"))
    assert [len(lines) for lines in logged] == [3001, 3001]
    for name, lines in zip(("first", "second"), logged, strict=True):
        assert lines == [*(f"{name} {number}" for number in range(3000)), f"{name} without an end"]


def test_a_function_that_says_nothing_is_not_waited_for(engine: Endpoint) -> None:
    function = create(engine, "def handler(event, context):\n    return 1\n")
    assert function.invoke().payload == 1
    assert function.invoke().payload == 1
    durations = [
        float(line.split("Duration: ")[1].split(" ")[0]) for line in function.log("REPORT") if "REPORT" in line
    ]
    assert durations[-1] < 1000


@pytest.mark.parametrize("end", ["raise ValueError('no')", "import os; os._exit(3)"])
def test_what_a_function_said_before_it_failed_is_logged(engine: Endpoint, end: str) -> None:
    function = create(engine, f"def handler(event, context):\n    print('before')\n    {end}\n")
    assert function.invoke().error is not None
    assert blocks(function.log("REPORT"))[0][0] == "before"


def test_what_runs_while_its_function_is_updated_runs_to_its_end(engine: Endpoint, tmp_path: Path) -> None:
    source = """
        |import os, pathlib, time
        |def handler(event, context):
        |    pathlib.Path(event["begun"]).touch()
        |    time.sleep(event["seconds"])
        |    return os.environ["WORDS"]
    """
    function = create(engine, source, WORDS="old")
    begun, other = tmp_path / "begun", str(tmp_path / "other")
    with ThreadPoolExecutor(1) as pool:
        running = pool.submit(function.invoke, seconds=5, begun=str(begun))
        wait_for(begun.exists, seconds=60)
        engine.functions().update_function_configuration(
            FunctionName=function.name, Environment={"Variables": {"WORDS": "new"}}
        )
        assert function.invoke(seconds=0, begun=other).payload == "new"
        assert running.result().payload == "old"
    assert function.invoke(seconds=0, begun=other).payload == "new"


def blocks(log: list[str]) -> list[list[str]]:
    """What was logged between START and END, invocation by invocation."""
    found: list[list[str]] = []
    for line in log:
        if line.startswith("START "):
            found.append([])
        elif not line.startswith(("END ", "REPORT ")):
            found[-1].append(line)
    return found
