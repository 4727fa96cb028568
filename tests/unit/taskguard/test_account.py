"""What a service expects of its account beside its stack: given to the engine's, and asked for where nobody says it."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import msgspec
import pytest
from botocore.exceptions import EndpointConnectionError
from taskguard.contract.dialect import TASKGUARD
from taskguard.errors import ConfigurationError, DeploymentError
from taskguard.evidence.recorder.calls import not_in_account
from taskguard.service import account
from taskguard.service.account import lacking, provide
from taskguard.service.config import Config, config_of

from tests.unit.taskguard.recorder_lines import FUNCTION, STACK, aws_call, function, recording_of, sqs_record, started

CONFIG = Config(contract="as-deployed", dialect=TASKGUARD, ssm={"/a/key": "k"}, secrets={"db": "s"})


class Exists(Exception):
    pass


@dataclass
class Account:
    """An endpoint whose stores keep what they are given."""

    url: str | None = "http://127.0.0.1:1"
    place: str = "http://127.0.0.1:1"
    parameters: dict[str, str] = field(default_factory=dict)
    secrets: dict[str, str] = field(default_factory=dict)
    exceptions: Any = field(default_factory=lambda: SimpleNamespace(ResourceExistsException=Exists))

    def client(self, _: str) -> Any:
        return self

    def put_parameter(self, *, Name: str, Value: str, Type: str, Overwrite: bool) -> None:  # noqa: N803
        assert (Type, Overwrite) == ("String", True)
        self.parameters[Name] = Value

    def create_secret(self, *, Name: str, SecretString: str) -> None:  # noqa: N803
        if Name in self.secrets:
            raise Exists
        self.secrets[Name] = SecretString

    def put_secret_value(self, *, SecretId: str, SecretString: str) -> None:  # noqa: N803
        assert SecretId in self.secrets
        self.secrets[SecretId] = SecretString


def test_it_is_given_to_an_engine_and_again() -> None:
    here = Account(secrets={"db": "of before"})
    provide(here, CONFIG)  # type: ignore[arg-type]
    assert (here.parameters, here.secrets) == ({"/a/key": "k"}, {"db": "s"})


def test_other_stacks_put_out_and_export_what_is_said(monkeypatch: pytest.MonkeyPatch) -> None:
    made: dict[str, Any] = {}
    monkeypatch.setattr(account, "deploy_template", lambda _, name, template, *__: made.update({name: template}))
    config = msgspec.structs.replace(
        CONFIG, outputs={"net.work.Zone": "z", "net.work.Vpc": "v", "mail.Topic": "t"}, exports={"net:Zone": "e"}
    )
    provide(Account(), config)  # type: ignore[arg-type]
    outputs = {name: template["Outputs"] for name, template in made.items()}
    assert outputs == {
        "net.work": {"Zone": {"Value": "z"}, "Vpc": {"Value": "v"}},
        "mail": {"Topic": {"Value": "t"}},
        "taskguard-exports": {"Export0": {"Value": "e", "Export": {"Name": "net:Zone"}}},
    }


def test_an_output_without_its_stack_is_refused(tmp_path: Path) -> None:
    (tmp_path / "taskguard.toml").write_text('[service]\noutputs = { Zone = "z" }\n')
    with pytest.raises(ConfigurationError, match=r'outputs are named as "stack\.Output", not "Zone"'):
        config_of(tmp_path)


def test_nothing_is_written_on_aws() -> None:
    here = Account(url=None)
    provide(here, CONFIG)  # type: ignore[arg-type]
    assert (here.parameters, here.secrets) == ({}, {})


def test_an_engine_that_does_not_take_it_is_said(monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(*_: object, **__: object) -> None:
        raise EndpointConnectionError(endpoint_url="http://127.0.0.1:1")

    here = Account()
    monkeypatch.setattr(here, "put_parameter", refuse)
    with pytest.raises(
        DeploymentError, match=r"that taskguard\.toml says \(\[service\] ssm, secrets\): Could not connect"
    ):
        provide(here, CONFIG)  # type: ignore[arg-type]


SERVERLESS = """\
custom:
  key: ${ssm:/a/key}
  tax: ${ssm(eu-west-1, raw):/shop/tax, 'none'}
  db: ${ssm:/aws/reference/secretsmanager/shop/db~true}
  own: ${ssm:/${self:service}/own}
  zone: ${cf:network-dev.Zone, 'none'}
  mail: ${cf.eu-west-1:mail.Topic}
  told: '{{resolve:secretsmanager:mail:SecretString:password}} {{resolve:ssm:/shop/port:1}}'
"""
NOT_FOUND = DeploymentError(
    '`serverless package` failed:\n  - Cannot resolve variable at "custom.tax": Value not found at "ssm" source'
)


def test_what_a_deploy_lacks_is_asked_for_by_the_names_that_the_configuration_has(tmp_path: Path) -> None:
    (tmp_path / "serverless.yml").write_text(SERVERLESS)
    assert lacking(NOT_FOUND, tmp_path, CONFIG) == (
        "The account is empty here. Say what it has, in taskguard.toml:\n  [service]\n"
        '  ssm = { "/shop/tax" = "…", "/shop/port" = "…" }\n  secrets = { "shop/db" = "…", "mail" = "…" }\n'
        '  outputs = { "network-dev.Zone" = "…", "mail.Topic" = "…" }'
    )


def test_a_name_that_nobody_can_read_there_is_asked_for_all_the_same(tmp_path: Path) -> None:
    assert '  ssm = { "/its/name" = "…" }' in (lacking(NOT_FOUND, tmp_path, CONFIG) or "")


def test_another_error_is_none_of_it(tmp_path: Path) -> None:
    (tmp_path / "serverless.yml").write_text(SERVERLESS)
    assert lacking(DeploymentError("a template that is no YAML"), tmp_path, CONFIG) is None


def test_what_functions_ask_for_in_vain_is_told_once(tmp_path: Path) -> None:
    lines = [
        started("r1", sqs_record("m1")),
        *(
            aws_call("GetParameter", {"Name": "/shop/tax"}, service="ssm", status=400, error="ParameterNotFound")
            for _ in range(2)
        ),
        aws_call("GetParameter", {"Name": "/shop/there"}, service="ssm"),
        aws_call(
            "GetSecretValue",
            {"SecretId": "db"},  # pragma: allowlist secret
            service="secretsmanager",
            status=400,
            error="ResourceNotFoundException",
        ),
        aws_call("GetItem", {"TableName": "t"}, service="dynamodb", status=400, error="ResourceNotFoundException"),
    ]
    stack = replace(STACK, functions=(function(FUNCTION),))
    found = list(not_in_account(recording_of(tmp_path, *lines), stack))
    assert [(each.service, each.name) for each in found] == [("ssm", "/shop/tax"), ("secretsmanager", "db")]
    assert {each.function for each in found} == {"processTask"}
