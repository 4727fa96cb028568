"""What Typer does otherwise than this command is to: help shows a type beside a switch, where it tells nothing, and a command that was
used wrongly ends with 2."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

from typer import BadParameter
from typer.core import TyperCommand, TyperGroup, TyperOption

from taskguard.errors import ExitCode

if TYPE_CHECKING:
    # Typer has a Click of its own, whose names it does not export.
    from typer._click.core import Context, Parameter


class PlainCommand(TyperCommand):
    """A command whose switches have no type in its help."""

    def get_params(self, ctx: Context) -> list[Parameter]:
        return _without_types_of_switches(super().get_params(ctx))


class PlainGroup(TyperGroup):
    """The same, for the options that stand before a command; wrong usage of any command ends with our own exit code."""

    def get_params(self, ctx: Context) -> list[Parameter]:
        return _without_types_of_switches(super().get_params(ctx))

    def make_context(self, *arguments: Any, **more: Any) -> Context:
        with _ended_as_wrong_usage():
            return super().make_context(*arguments, **more)

    def invoke(self, ctx: Context) -> Any:
        with _ended_as_wrong_usage():
            return super().invoke(ctx)


_WrongUsage: Any = BadParameter.__base__
"""The kind of error of which Typer exports this one alone."""


@contextmanager
def _ended_as_wrong_usage() -> Iterator[None]:
    try:
        yield
    except _WrongUsage as error:
        error.exit_code = ExitCode.WRONG_USAGE
        raise


def _without_types_of_switches(parameters: list[Parameter]) -> list[Parameter]:
    for each in parameters:
        if isinstance(each, TyperOption) and each.is_flag:
            each.metavar = ""
    return parameters
