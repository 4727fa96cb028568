"""What is said of a folder that no deployer knows: another tool's file, a service below, or neither."""

from __future__ import annotations

from pathlib import Path

import pytest
from taskguard.errors import SetupError
from taskguard.service.config import DeployerName
from taskguard.service.deployers.choosing import chosen


def laid(folder: Path, *files: str, text: str = "Resources: {}") -> Path:
    for name in files:
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_text(text)
    return folder


@pytest.mark.parametrize(
    ("file", "words"),
    [
        (
            "queues.tf",
            r'There is queues\.tf, of Terraform, .*\n  \[service\]\n  deploy = "terraform apply -input=false -auto-approve"\nRun `terraform init`',
        ),
        ("Pulumi.yaml", r'of Pulumi, which runs as a command\. .*\n  \[service\]\n  deploy = "pulumi up --yes'),
        ("sst.config.ts", r"of SST, which runs as a command"),
        (".chalice/config.json", r"of AWS Chalice\. Run `chalice package packaged`"),
        ("infra/template.yaml", r"There is one in infra: name that folder"),
        ("README.md", r"Name the folder of a service, or go there\."),
        ("node_modules/one/template.yaml", r"Name the folder of a service, or go there\."),
        ("far/too/deep/template.yaml", r"Name the folder of a service, or go there\."),
    ],
)
def test_the_way_on_is_said(tmp_path: Path, file: str, words: str) -> None:
    with pytest.raises(SetupError, match=words):
        chosen(laid(tmp_path, file))


def test_what_chalice_packages_is_a_template_of_sam(tmp_path: Path) -> None:
    packaged = laid(tmp_path, "sam.json", text='{"Transform": "AWS::Serverless-2016-10-31", "Resources": {}}')
    assert chosen(packaged).name is DeployerName.SAM


def test_an_app_of_cdk_may_lie_deeper_than_its_code(tmp_path: Path) -> None:
    laid(tmp_path, "infra/cdk.json", text="{}")
    laid(tmp_path, "taskguard.toml", text='[service]\ntemplate = "infra/cdk.json"\n')
    assert chosen(tmp_path).name is DeployerName.CDK
    assert chosen(tmp_path).file_in(tmp_path) == "infra/cdk.json"
