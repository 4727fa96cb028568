"""The ``taskguard`` command.

Each subcommand is a thin layer over the harness: it reads options, says what is going on and turns errors into a message
and an exit code. 0: all checks passed; 1: a check failed; 2: the run could not be judged, or the command was wrong.
"""

from __future__ import annotations

import signal
import sys
from typing import NoReturn

import typer
from botocore.exceptions import BotoCoreError, ClientError
from rich.console import Console

from harness import __version__
from harness.cli import grade, judge, stack, tasks
from harness.errors import TaskGuardError

COULD_NOT_BE_JUDGED = 2

app = typer.Typer(
    name="taskguard",
    help="Judge whether a queue pipeline really retries, backs off and dead-letters as it claims.",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
)
app.command()(grade.grade)
app.command()(judge.check)
app.command()(stack.up)
app.command()(stack.down)
app.command()(tasks.submit)
app.command()(tasks.status)
app.command()(stack.deploy)
app.command()(stack.remove)


@app.callback(invoke_without_command=True)
def _about(version: bool = typer.Option(False, "--version", help="Print the version and exit.")) -> None:
    if version:
        typer.echo(f"taskguard {__version__}")
        raise typer.Exit


def main() -> NoReturn:
    """Run the command line: the entry point of the ``taskguard`` script."""
    # A terminated command cleans up as an interrupted one does.
    signal.signal(signal.SIGTERM, lambda *_: _interrupt())
    errors = Console(stderr=True, soft_wrap=True)
    try:
        code = app(standalone_mode=False)
    except TaskGuardError as error:
        errors.print(f"[bold red]taskguard:[/] {_plain(error)}", highlight=False)
        code = COULD_NOT_BE_JUDGED
    except (ClientError, BotoCoreError) as error:
        errors.print(f"[bold red]taskguard:[/] an AWS call failed: {_plain(error)}", highlight=False)
        code = COULD_NOT_BE_JUDGED
    except (KeyboardInterrupt, typer.Abort):
        errors.print("[bold red]taskguard:[/] interrupted; what was started has been stopped", highlight=False)
        code = COULD_NOT_BE_JUDGED
    except typer.TyperException as error:
        error.show()
        code = COULD_NOT_BE_JUDGED
    sys.exit(code if isinstance(code, int) else 0)


def _interrupt() -> NoReturn:
    raise KeyboardInterrupt


def _plain(error: Exception) -> str:
    # What a message quotes may hold brackets that are no markup.
    return str(error).replace("[", r"\[")
