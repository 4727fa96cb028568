"""What a service expects of its account beside its own stack: parameters of Parameter Store, secrets of Secrets Manager, and what other stacks
put out and export.

An engine's account is empty, so the user says their values in `taskguard.toml`. On AWS nothing is written. It must not know what they are for.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from botocore.exceptions import BotoCoreError, ClientError

from taskguard.errors import DeploymentError
from taskguard.service.config import Config
from taskguard.service.deployers.change_sets import Deadline, deploy_template
from taskguard.service.files import configuration_files
from taskguard.targets.base import Endpoint

_NOT_FOUND = re.compile(
    r'not found at "(ssm|cf)" source|ParameterNotFound|resolve:(ssm|secretsmanager)|Secrets Manager can.t find'
)
"""How a deploy says that a parameter or a secret is not there: the Serverless Framework's, AWS's and CloudFormation's words."""

_SECRET = "/aws/reference/secretsmanager/"
"""So Parameter Store names what Secrets Manager has:
https://docs.aws.amazon.com/systems-manager/latest/userguide/integration-ps-secretsmanager.html"""
_READ = re.compile(
    r"\$\{\s*(?P<source>ssm|cf)(?:\([^)]*\)|\.[\w-]+)?:(?P<variable>[^,}~\s]+)"
    r"|\{\{resolve:(?P<store>ssm|ssm-secure|secretsmanager):(?P<name>[^:}\s]+)"
)
_EXPORTING = "taskguard-exports"
_NOTHING = {"Type": "AWS::CloudFormation::WaitConditionHandle"}
"""A stack must have a resource."""
_SECONDS = 30.0
_TABLES = ("ssm", "secrets", "outputs")
_ENDINGS = frozenset({".yml", ".yaml", ".json", ".js", ".cjs", ".mjs", ".ts"})


def provide(endpoint: Endpoint, config: Config) -> None:
    """Give the engine's account what the service's `taskguard.toml` says that it has; nothing on AWS.

    Raises:
        DeploymentError: the engine does not take it.
    """
    if endpoint.url is None:
        return
    try:
        for name, value in config.ssm.items():
            endpoint.client("ssm").put_parameter(Name=name, Value=value, Type="String", Overwrite=True)
        for name, value in config.secrets.items():
            _provide_secret(endpoint, name, value)
    except (ClientError, BotoCoreError) as error:
        raise DeploymentError(
            f"giving the account at {endpoint.place} the parameters and secrets that taskguard.toml says ([service] ssm, secrets): {error}."
        ) from error
    for stack, outputs in _stacks_of(config):
        deploy_template(
            endpoint, stack, {"Resources": {"Nothing": _NOTHING}, "Outputs": outputs}, {}, Deadline(seconds=_SECONDS)
        )


def _stacks_of(config: Config) -> Iterator[tuple[str, dict[str, Any]]]:
    """The other stacks that there are to be, with their outputs: each that is named, and one that exports."""
    stacks: dict[str, dict[str, Any]] = {}
    for name, value in config.outputs.items():
        stack, _, output = name.rpartition(".")
        stacks.setdefault(stack, {})[output] = {"Value": value}
    if config.exports:
        stacks[_EXPORTING] = {
            f"Export{number}": {"Value": value, "Export": {"Name": name}}
            for number, (name, value) in enumerate(config.exports.items())
        }
    yield from stacks.items()


def _provide_secret(endpoint: Endpoint, name: str, value: str) -> None:
    secrets = endpoint.client("secretsmanager")
    try:
        secrets.create_secret(Name=name, SecretString=value)
    except secrets.exceptions.ResourceExistsException:
        secrets.put_secret_value(SecretId=name, SecretString=value)


def lacking(error: DeploymentError, service: Path, config: Config) -> str | None:
    """What to write into `taskguard.toml` where a deploy ended with this ``error`` since a parameter or a secret is not there; none where it is
    another error."""
    if not _NOT_FOUND.search(str(error)):
        return None
    named = [each for each in dict.fromkeys(_names_in(service)) if each[1] not in getattr(config, each[0])]
    lines = [line_for(table, {name: "…" for of, name in named if of == table}) for table in _TABLES]
    said = "\n".join(line for line in lines if line) or line_for("ssm", {"/its/name": "…"})
    return f"The account is empty here. Say what it has, in taskguard.toml:\n  [service]\n{said}"


def line_for(table: str, values: Mapping[str, str]) -> str:
    """The line of `taskguard.toml` for these values, below `[service]`; empty without any."""
    told = ", ".join(f'"{name}" = "{value}"' for name, value in values.items())
    return f"  {table} = {{ {told} }}" if told else ""


def _names_in(service: Path) -> Iterator[tuple[str, str]]:
    """The parameters and secrets that the service's configuration reads by plain names: the table of `taskguard.toml`, and the name."""
    for file in configuration_files(service, _ENDINGS):
        for found in _READ.finditer(file.read_text(encoding="utf-8", errors="replace")):
            read = found["variable"] or found["name"]
            if "${" in read:
                continue
            of_secret = found["store"] == "secretsmanager" or read.startswith(_SECRET)
            of_stack = found["source"] == "cf"
            yield ("outputs" if of_stack else "secrets" if of_secret else "ssm"), read.removeprefix(_SECRET)
