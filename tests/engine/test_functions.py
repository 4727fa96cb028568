"""Functions behave on the engine as they do on Lambda, seen from their callers and their logs."""

import tempfile
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

from tests.engine.conftest import Create, Function, is_running


def test_a_warm_process_is_used_again(function: Create) -> None:
    counter = function(
        """
        |import os
        |count = 0
        |def handler(event, context):
        |    global count
        |    count += 1
        |    return [os.getpid(), count]
        """
    )
    first, second = counter.invoke().payload, counter.invoke().payload
    assert second == [first[0], first[1] + 1]


MEETING = """
    |import os, pathlib, time
    |def handler(event, context):
    |    folder = pathlib.Path(event["folder"])
    |    (folder / str(os.getpid())).touch()
    |    while len(list(folder.iterdir())) < event["many"]:
    |        time.sleep(0.01)
    |    return os.getpid()
    """
"""Each waits for the others to arrive, which they can only if all run at once."""


def run_at_once(meeting: Function, many: int) -> list[int]:
    with tempfile.TemporaryDirectory() as folder, ThreadPoolExecutor(many) as pool:
        started = [pool.submit(meeting.invoke, folder=folder, many=many) for _ in range(many)]
        return [each.result().payload for each in started]


def test_concurrent_invocations_run_in_processes_of_their_own(function: Create) -> None:
    assert len(set(run_at_once(function(MEETING, timeout=20), many=2))) == 2


def test_an_attempt_meets_the_process_of_the_one_before_a_new_one_and_another_by_turns(function: Create) -> None:
    meeting = function(MEETING, timeout=20)
    at_first = run_at_once(meeting, many=3)
    with tempfile.TemporaryDirectory() as folder:
        met = [
            meeting.invoke(folder=folder, many=1, Records=[{"messageId": message}]).payload
            for message in ("m-1", "m-1", "m-1", "m-1", "m-1", "m-2")
        ]
    first, same, new, same_again, another, of_another = met
    assert {first, another} < {*at_first}
    assert same == first
    assert new not in at_first
    assert same_again == new
    assert another != same_again
    assert of_another in {*at_first, new}


def test_the_context_tells_memory_time_and_names(function: Create) -> None:
    teller = function(
        """
        |def handler(event, context):
        |    return {
        |        "memory": context.memory_limit_in_mb,
        |        "left": context.get_remaining_time_in_millis(),
        |        "name": context.function_name,
        |        "arn": context.invoked_function_arn,
        |        "request": context.aws_request_id,
        |        "group": context.log_group_name,
        |    }
        """,
        timeout=7,
        memory=512,
    )
    outcome = teller.invoke()
    told = outcome.payload
    assert told["memory"] == "512"
    assert 0 < told["left"] <= 7000
    assert told["name"] == teller.name
    assert told["arn"].endswith(f":function:{teller.name}")
    assert told["group"] == f"/aws/lambda/{teller.name}"
    assert any(told["request"] in line for line in teller.log(until="REPORT"))


def test_a_function_sees_its_package_the_runtime_client_and_boto3_and_nothing_else(function: Create) -> None:
    looker = function(
        """
        |import importlib.util, os, sys
        |names = ["awslambdaric", "boto3", "task", "taskguard", "localstack", "pytest", "moto", "pip", "requests"]
        |def handler(event, context):
        |    found = [name for name in names if importlib.util.find_spec(name)]
        |    return {"modules": found, "environment": dict(os.environ), "flags": sys.flags.no_site}
        """,
        GREETING="hello",
    )
    seen = looker.invoke().payload
    assert seen["modules"] == ["awslambdaric", "boto3", "task"]
    environment = seen["environment"]
    assert environment["GREETING"] == "hello"
    assert environment["AWS_EXECUTION_ENV"] == "AWS_Lambda_python3.13"
    assert environment["AWS_LAMBDA_FUNCTION_NAME"] == looker.name
    strangers = {n for n in environment if n.startswith(("TASKGUARD", "LOCALSTACK", "PIP_", "PYTEST", "VIRTUAL_ENV"))}
    assert strangers == set()


def test_the_users_own_aws_profile_is_out_of_reach(function: Create) -> None:
    looker = function(
        """
        |import os
        |def handler(event, context):
        |    return os.path.expanduser("~/.aws")
        """
    )
    assert Path(looker.invoke().payload) != Path.home() / ".aws"


def test_a_handlers_error_reaches_caller_and_log(function: Create) -> None:
    broken = function("def handler(event, context):\n    raise ValueError('no such colour')\n")
    outcome = broken.invoke()
    assert outcome.error == "Unhandled"
    assert outcome.payload["errorType"] == "ValueError"
    assert outcome.payload["errorMessage"] == "no such colour"
    assert any("[ERROR] ValueError: no such colour" in line for line in broken.log(until="REPORT"))


def test_a_failed_initialisation_is_reported_each_time(function: Create) -> None:
    broken = function("raise RuntimeError('not today')\n")
    for _ in range(2):
        outcome = broken.invoke()
        assert outcome.error == "Unhandled"
        assert (outcome.payload["errorType"], outcome.payload["errorMessage"]) == ("RuntimeError", "not today")
    assert any("not today" in line for line in broken.log(until="REPORT"))


def test_a_missing_module_is_named(function: Create) -> None:
    broken = function("", handler="nowhere.handler")
    outcome = broken.invoke()
    assert outcome.payload["errorType"] == "Runtime.ImportModuleError"
    assert "nowhere" in outcome.payload["errorMessage"]


def test_a_timeout_kills_the_process_and_says_so_as_lambda_does(function: Create) -> None:
    sleeper = function(
        """
        |import os, subprocess, sys, time
        |def handler(event, context):
        |    if event.get("sleep"):
        |        child = subprocess.Popen([sys.executable, "-S", "-c", "import time; time.sleep(600)"])
        |        print(f"processes {os.getpid()} {child.pid}")
        |        time.sleep(600)
        |    return "awake"
        """,
        timeout=1,
    )
    outcome = sleeper.invoke(sleep=True)
    assert outcome.error == "Unhandled"
    assert "Task timed out after 1.00 seconds" in outcome.payload["errorMessage"]
    lines = sleeper.log(until="REPORT")
    assert any("Task timed out after 1.00 seconds" in line for line in lines)
    pids = next(line for line in lines if line.startswith("processes")).split()[1:]
    assert not any(is_running(int(pid)) for pid in pids)
    assert sleeper.invoke().payload == "awake"


def test_an_exit_is_reported_with_its_status_and_the_next_invocation_starts_afresh(function: Create) -> None:
    quitter = function(
        """
        |import os
        |def handler(event, context):
        |    if "status" in event:
        |        os._exit(event["status"])
        |    if "signal" in event:
        |        os.kill(os.getpid(), event["signal"])
        |    return "here"
        """
    )
    exited = quitter.invoke(status=3)
    assert exited.payload["errorType"] == "Runtime.ExitError"
    assert exited.payload["errorMessage"].endswith("Error: Runtime exited with error: exit status 3")
    killed = quitter.invoke(signal=9)
    assert killed.payload["errorMessage"].endswith("Error: Runtime exited with error: signal: killed")
    assert quitter.invoke().payload == "here"
    assert "Runtime.ExitError" in quitter.log(until="Runtime.ExitError")


def test_output_reaches_the_log_between_start_and_end_lines(function: Create) -> None:
    writer = function(
        """
        |import sys
        |def handler(event, context):
        |    print("to standard output")
        |    print("to standard error", file=sys.stderr)
        |    print("x" * 200_000)
        """
    )
    writer.invoke()
    start, out, err, long, end, report = writer.log(until="REPORT")
    assert start.startswith("START RequestId: ")
    assert start.endswith("Version: $LATEST")
    assert (out, err, len(long)) == ("to standard output", "to standard error", 200_000)
    assert end.startswith("END RequestId: ")
    for part in ("Duration: ", "Billed Duration: ", "Memory Size: 256 MB", "Max Memory Used: ", "Init Duration: "):
        assert part in report
