"""The parameters of a template: who gives each of them its value, and what to write where nobody does.

It must not know where templates come from.
"""

from __future__ import annotations

import shlex
from collections.abc import Mapping
from typing import Any

from taskguard.errors import ConfigurationError
from taskguard.service.deployers.templates import Template
from taskguard.support.typed import nearest, sentence

_FROM_THE_STORE = "AWS::SSM::Parameter::"
"""The types of parameters whose values an account's Parameter Store has:
https://docs.aws.amazon.com/AWSCloudFormation/latest/UserGuide/cloudformation-supplied-parameter-types.html"""


def parameters_for(
    template: Template, file: str, given: Mapping[str, str], usual: Mapping[str, str] | None = None
) -> dict[str, str]:
    """The values to deploy the ``template`` in ``file`` with: those ``given`` by the user, else those that are ``usual``, else the
    template's own, which are left out. The value of one that an account's Parameter Store has is to be given: there is no account.

    Raises:
        ConfigurationError: a parameter has no value, or there is none of a name that was given.
    """
    declared = template.get("Parameters") or {}
    for name in given:
        if name not in declared:
            raise ConfigurationError(
                f"deploying {file}: it has no parameter {name}, which taskguard.toml gives; {sentence(nearest(name, declared))}"
            )
    for each in declared.values():
        kind = str(each.get("Type", ""))
        if kind.startswith(_FROM_THE_STORE):
            each["Type"] = "CommaDelimitedList" if "List<" in kind else "String"
            each.pop("Default", None)
    values = {name: value for name, value in ({**(usual or {}), **given}).items() if name in declared}
    missing = [name for name, each in declared.items() if name not in values and "Default" not in each]
    if missing:
        some = ", ".join(f'{name} = "{_example(declared[name])}"' for name in missing)
        raise ConfigurationError(
            f"deploying {file}: nobody gives a value to its parameter{'s' if len(missing) > 1 else ''} {', '.join(missing)}. "
            f"Give one in taskguard.toml:\n  [service]\n  parameters = {{ {some} }}"
        )
    for name, value in values.items():
        # What is built before the deploy goes by them, too.
        declared[name] = {**declared[name], "Default": value}
    return values


def _example(declared: Mapping[str, Any]) -> str:
    return str(next(iter(declared.get("AllowedValues") or ()), "…"))


def overrides(said: object) -> dict[str, str]:
    """Parameters in the forms that SAM's configuration may have them: one text, a list of texts, or a table.
    https://docs.aws.amazon.com/serverless-application-model/latest/developerguide/serverless-sam-cli-config.html

    Raises:
        ConfigurationError: a text has a quotation mark that nothing closes.
    """
    if isinstance(said, Mapping):
        return {str(name): str(value) for name, value in said.items()}
    texts = (
        [said]
        if isinstance(said, str)
        else [each for each in said if isinstance(each, str)]
        if isinstance(said, list)
        else []
    )
    found: dict[str, str] = {}
    for word in (word for text in texts for word in _words(text)):
        if word.startswith("ParameterKey="):
            name, _, value = word.removeprefix("ParameterKey=").partition(",ParameterValue=")
        else:
            name, _, value = word.partition("=")
        found[name] = value
    return found


def _words(text: str) -> list[str]:
    try:
        return shlex.split(text)
    except ValueError as error:
        raise ConfigurationError(
            f"reading parameter_overrides of SAM's configuration file, {text}: {error}. Put a value with such a mark into quotation marks of the other kind."
        ) from error
