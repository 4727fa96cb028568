"""Help as people read it: Typer shows a type beside each option, and that of a switch tells them nothing."""

from __future__ import annotations

from typing import TYPE_CHECKING

from typer.core import TyperCommand, TyperGroup, TyperOption

if TYPE_CHECKING:
    # Typer has a Click of its own, whose names it does not export.
    from typer._click.core import Context, Parameter


class PlainCommand(TyperCommand):
    """A command whose switches have no type in its help."""

    def get_params(self, ctx: Context) -> list[Parameter]:
        return _without_types_of_switches(super().get_params(ctx))


class PlainGroup(TyperGroup):
    """The same, for the options that stand before a command."""

    def get_params(self, ctx: Context) -> list[Parameter]:
        return _without_types_of_switches(super().get_params(ctx))


def _without_types_of_switches(parameters: list[Parameter]) -> list[Parameter]:
    for each in parameters:
        if isinstance(each, TyperOption) and each.is_flag:
            each.metavar = ""
    return parameters
