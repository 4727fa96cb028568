"""What Typer does otherwise than this command is to: help shows types as Python has them, in columns that leave the words no room, and a
command that was used wrongly ends with 2."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

from typer import BadParameter
from typer.core import TyperArgument, TyperCommand, TyperGroup, TyperOption

from taskguard.errors import ExitCode

if TYPE_CHECKING:
    # Typer has a Click of its own, whose names it does not export.
    from typer._click.core import Context, Parameter


class PlainCommand(TyperCommand):
    """A command whose help is plain."""

    def get_params(self, ctx: Context) -> list[Parameter]:
        return [_plain(each) for each in super().get_params(ctx)]


class PlainGroup(TyperGroup):
    """The same, for the options that stand before a command; wrong usage of any command ends with our own exit code."""

    def get_params(self, ctx: Context) -> list[Parameter]:
        return [_plain(each) for each in super().get_params(ctx)]

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


_OF_TYPES = {int: "NUMBER", float: "NUMBER", Path: "PATH"}


def _plain(parameter: Parameter) -> Parameter:
    """With one word for the type of an option, and none for that of a switch or an argument; ranges and names are told in words."""
    if isinstance(parameter, TyperArgument):
        parameter.display_type_rich = lambda ctx: None  # type: ignore[method-assign]  # noqa: ARG005
    if isinstance(parameter, TyperOption):
        kind: Any = getattr(parameter, "type_descriptor", None)
        if parameter.is_flag:
            parameter.metavar = ""
        elif kind is not None and kind.is_choice:
            parameter.metavar = "NAME"
            _tell(parameter, [str(getattr(each, "value", each)) for each in kind.choices or ()])
        elif kind is not None and parameter.metavar is None:
            parameter.metavar = _OF_TYPES.get(kind.annotation, "TEXT")
        parameter._get_number_range_help_str = lambda: None  # type: ignore[method-assign]
    return parameter


def _tell(option: TyperOption, choices: list[str]) -> None:
    """Say in the option's help what can be chosen, where it does not say so itself."""
    said = option.help or ""
    if not all(each in said for each in choices):
        option.help = f"{said} One of: {', '.join(choices)}."
