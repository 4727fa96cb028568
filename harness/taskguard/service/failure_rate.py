"""The rate of the failures that a service simulates, where its ``taskguard.toml`` says which variable of its functions has it.

A test that knows each task's fate wants none but those that it asks for. It must not know how else an attempt is made to fail.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from functools import partial

from taskguard.errors import ConfigurationError, DeploymentError
from taskguard.service.stack import Stack
from taskguard.support.waiting import WaitedInVain, wait_for
from taskguard.targets.base import Endpoint

_UPDATED_WITHIN_SECONDS = 60.0


def simulate_none(endpoint: Endpoint, stack: Stack, variable: str) -> None:
    """Set this variable to 0 in each function that has it, and wait until that holds.

    Raises:
        ConfigurationError: no function has it.
        DeploymentError: it does not come to hold.
    """
    functions = endpoint.functions()
    for name, variables in _having(endpoint, stack, variable):
        functions.update_function_configuration(
            FunctionName=name, Environment={"Variables": {**variables, variable: "0"}}
        )
        try:
            wait_for(partial(_is_updated, endpoint, name), seconds=_UPDATED_WITHIN_SECONDS, every=0.05)
        except WaitedInVain:
            raise DeploymentError(
                f"setting {variable} of {name} to 0 at {endpoint.place}: that did not hold within {_UPDATED_WITHIN_SECONDS:.0f} s."
            ) from None


def simulates_none(endpoint: Endpoint, stack: Stack, variable: str) -> bool:
    """Whether each function that has this variable has 0 in it.

    Raises:
        ConfigurationError: no function has it.
    """
    return all(_is_none(variables[variable]) for _, variables in _having(endpoint, stack, variable))


def _having(endpoint: Endpoint, stack: Stack, variable: str) -> Iterator[tuple[str, Mapping[str, str]]]:
    found = False
    for function in stack.functions:
        configuration = endpoint.functions().get_function_configuration(FunctionName=function.name)
        variables = configuration.get("Environment", {}).get("Variables", {})
        if variable in variables:
            found = True
            yield function.name, variables
    if not found:
        raise ConfigurationError(
            f"Reading the rate of simulated failures of the stack {stack.name}: no function has the variable {variable} in its "
            f"environment, as taskguard.toml says with failure_rate below [service]. Name the one that holds the rate, or leave it out."
        )


def _is_none(text: str) -> bool:
    try:
        return float(text) == 0
    except ValueError:
        return False


def _is_updated(endpoint: Endpoint, name: str) -> bool:
    return endpoint.functions().get_function_configuration(FunctionName=name).get("LastUpdateStatus") != "InProgress"
