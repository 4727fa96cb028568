"""State machines can be made and run, whatever Python the engine runs on."""

from __future__ import annotations

import json

from taskguard.support.waiting import wait_for
from taskguard.targets.base import Endpoint

MACHINE = {"StartAt": "Done", "States": {"Done": {"Type": "Pass", "Result": {"is": "done"}, "End": True}}}
ROLE = "arn:aws:iam::000000000000:role/any"


def test_an_execution_of_a_state_machine_ends(endpoint: Endpoint) -> None:
    states = endpoint.client("stepfunctions")
    machine = states.create_state_machine(name="passes", definition=json.dumps(MACHINE), roleArn=ROLE)
    arn = machine["stateMachineArn"]
    try:
        execution = states.start_execution(stateMachineArn=arn)["executionArn"]
        wait_for(
            lambda: states.describe_execution(executionArn=execution)["status"] != "RUNNING", seconds=30, every=0.1
        )
        told = states.describe_execution(executionArn=execution)
        assert (told["status"], json.loads(told["output"])) == ("SUCCEEDED", {"is": "done"})
    finally:
        states.delete_state_machine(stateMachineArn=arn)
