"""A task's message is sent to the queue itself, and what SQS answers is told in HTTP's terms."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

import pytest
from botocore.exceptions import ClientError, EndpointConnectionError
from taskguard.contract.dialect import INGRESS, IngressWords
from taskguard.errors import SubmissionError
from taskguard.ingress.queue_client import QueueClient
from taskguard.ingress.workload import Task
from taskguard.targets.base import Endpoint

URL = "http://127.0.0.1:1/000000000000/jobs"


@dataclass(frozen=True, slots=True, kw_only=True)
class Queues(Endpoint):
    """Takes any message, unless there is an ``error``."""

    target: str = "fake"
    url: str | None = "http://127.0.0.1:1"
    region: str = "eu-west-1"
    error: Exception | None = None
    sent: list[dict[str, Any]] = field(default_factory=list)

    def sqs(self) -> Any:
        return self

    def send_message(self, **message: Any) -> dict[str, str]:
        if self.error is not None:
            raise self.error
        self.sent.append(message)
        return {"MessageId": f"m-{len(self.sent)}"}


TASKS = [Task(task_id=f"t-{number}", payload={"number": number}) for number in range(20)]


def test_the_message_is_worded_as_a_request_is_and_taken_whatever_status_an_api_has() -> None:
    here = Queues()
    answer = QueueClient(here, URL, words=INGRESS).submit(TASKS[0])
    assert (answer.accepted, answer.status_code, answer.task_id) == (True, 200, "t-0")
    assert here.sent == [{"QueueUrl": URL, "MessageBody": '{"taskId": "t-0", "payload": {"number": 0}}'}]


def test_what_is_stated_as_headers_is_the_messages_attributes() -> None:
    here, words = Queues(), IngressWords(headers={"tries": "1", "key": "${env:KEY}", "id": "${id}"})
    QueueClient(here, URL, words=words, environment={"KEY": "of-a-test"}).submit(TASKS[0])
    told = {name: each["StringValue"] for name, each in here.sent[0]["MessageAttributes"].items()}
    assert told == {"tries": "1", "key": "of-a-test", "id": "t-0"}


def test_a_fifo_queue_gets_several_groups_and_each_message_an_id_of_its_own() -> None:
    here = Queues()
    QueueClient(here, f"{URL}.fifo").submit_all(TASKS)
    assert 1 < len({each["MessageGroupId"] for each in here.sent}) <= 5
    assert len({each["MessageDeduplicationId"] for each in here.sent}) == len(TASKS)


def test_a_refusal_has_its_status_and_no_answer_none() -> None:
    refusal = {
        "Error": {"Code": "InvalidMessageContents", "Message": "no"},
        "ResponseMetadata": {"HTTPStatusCode": 400},
    }
    refusing = Queues(error=ClientError(refusal, "SendMessage"))  # type: ignore[arg-type]
    answer = QueueClient(refusing, URL).submit(TASKS[0])
    assert (answer.accepted, answer.status_code) == (False, 400)
    silent = QueueClient(Queues(error=EndpointConnectionError(endpoint_url=URL)), URL)
    assert silent.submit(TASKS[0]).status_code == 0
    with pytest.raises(SubmissionError, match="SendMessage to http"):
        silent.hand_in("{}", "t1")
