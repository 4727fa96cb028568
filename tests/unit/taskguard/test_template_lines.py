"""Where the parts of a service's template stand, and their settings: by the names that it has for them."""

from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from taskguard.service.template_lines import template_lines

SERVERLESS = """\
service: shop
functions:
  work:
    handler: src/work.handler
    timeout: 10
    events:
      - http: POST /jobs
      - sqs:
          arn: !GetAtt Jobs.Arn
          functionResponseType: ReportBatchItemFailures
resources:
  Resources:
    Jobs:
      Type: AWS::SQS::Queue
      Properties:
        VisibilityTimeout: 60
        RedrivePolicy:
          deadLetterTargetArn: !GetAtt Dead.Arn
          maxReceiveCount: 3
  Outputs:
    Jobs: { Value: !Ref Jobs }
"""
SAM = """\
Transform: AWS::Serverless-2016-10-31
Resources:
  Work:
    Type: AWS::Serverless::Function
    Properties:
      Timeout: 10
      Events:
        Jobs:
          Type: SQS
          Properties:
            Queue: !GetAtt Jobs.Arn
            FunctionResponseTypes: [ReportBatchItemFailures]
  Jobs:
    Type: AWS::SQS::Queue
"""


def lines(folder: Path, *names: str) -> dict[str, str]:
    return template_lines(folder, names)


def test_of_the_serverless_framework(tmp_path: Path) -> None:
    (tmp_path / "serverless.yml").write_text(SERVERLESS)
    assert lines(tmp_path, "work", "Jobs") == {
        "work": "serverless.yml:3",
        "work.Timeout": "serverless.yml:5",
        "work.arn": "serverless.yml:9",
        "work.FunctionResponseTypes": "serverless.yml:10",
        "Jobs": "serverless.yml:13",
        "Jobs.VisibilityTimeout": "serverless.yml:16",
        "Jobs.RedrivePolicy": "serverless.yml:17",
        "Jobs.RedrivePolicy.deadLetterTargetArn": "serverless.yml:18",
        "Jobs.RedrivePolicy.maxReceiveCount": "serverless.yml:19",
    }
    assert lines(tmp_path, "handler", "Outputs", "Dead") == {}


def test_of_cloudformation_and_sam(tmp_path: Path) -> None:
    (tmp_path / "template.yaml").write_text(SAM)
    found = lines(tmp_path, "Work", "Jobs")
    assert (found["Work"], found["Work.Timeout"], found["Jobs"]) == (
        "template.yaml:3",
        "template.yaml:6",
        "template.yaml:13",
    )
    assert found["Work.FunctionResponseTypes"] == "template.yaml:12"


def test_of_two_mappings_of_one_function_no_setting_has_a_line(tmp_path: Path) -> None:
    event = SERVERLESS[SERVERLESS.index("      - sqs:") : SERVERLESS.index("resources:")]
    (tmp_path / "serverless.yml").write_text(SERVERLESS.replace(event, event * 2))
    found = lines(tmp_path, "work")
    assert "work.Timeout" in found
    assert "work.FunctionResponseTypes" not in found


def test_a_part_in_a_file_of_its_own_and_in_json(tmp_path: Path) -> None:
    (tmp_path / "stacks").mkdir()
    (tmp_path / "stacks" / "queues.json").write_text('{\n "Jobs": {\n  "Type": "AWS::SQS::Queue"\n }\n}\n')
    assert lines(tmp_path, "Jobs") == {"Jobs": "stacks/queues.json:2"}


def test_a_name_that_stands_for_several_parts_has_no_line(tmp_path: Path) -> None:
    for name in ("one.yml", "two.yml"):
        (tmp_path / name).write_text(SAM)
    assert lines(tmp_path, "Work") == {}


@pytest.mark.parametrize("folder", ["node_modules/a", "cdk.out", ".serverless", "a/b/c/d/e"])
def test_what_is_not_the_services_own_is_not_looked_at(tmp_path: Path, folder: str) -> None:
    (tmp_path / folder).mkdir(parents=True)
    (tmp_path / folder / "template.yaml").write_text(SAM)
    assert lines(tmp_path, "Work") == {}


def test_a_file_outside_of_the_folder_is_not_read(tmp_path: Path) -> None:
    outside, service = tmp_path / "outside.yml", tmp_path / "service"
    service.mkdir()
    outside.write_text(SAM)
    (service / "template.yaml").symlink_to(outside)
    assert lines(service, "Work") == {}


def test_a_part_that_stands_in_itself_is_read_no_further(tmp_path: Path) -> None:
    (tmp_path / "template.yaml").write_text("Resources: &all\n  Again: *all\n  Jobs: { Type: AWS::SQS::Queue }\n")
    assert template_lines(tmp_path, ["Jobs"]) == {}


def test_a_link_to_nothing_is_no_template(tmp_path: Path) -> None:
    (tmp_path / "template.yaml").write_text(SAM)
    (tmp_path / "stacks").mkdir()
    (tmp_path / "stacks" / "gone.yml").symlink_to("nowhere.yml")
    assert "Work" in lines(tmp_path, "Work")


@given(text=st.text(st.characters(codec="utf-8"), max_size=40))
def test_whatever_is_no_template_says_nothing(tmp_path_factory: pytest.TempPathFactory, text: str) -> None:
    folder = tmp_path_factory.mktemp("service")
    (folder / "strange.yml").write_text(f"Work: {text}\n", encoding="utf-8")
    assert set(lines(folder, "Work")) <= {"Work"}
