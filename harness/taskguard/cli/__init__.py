"""The ``taskguard`` command.

Each subcommand is a thin layer over the harness: it reads options, says what is going on and turns errors into a message
and an exit code. 0: all checks passed; 1: a check failed, or two runs differ; 2: a run could not be judged, or the command was
wrong; 5: a run was judged otherwise than before.
"""

from __future__ import annotations

import logging
import signal
import sys
import traceback
from typing import NoReturn

import typer
from botocore.exceptions import BotoCoreError, ClientError
from rich.console import Console

from taskguard import __version__
from taskguard.cli import clean_up, conformance, contract, doctor, grade, judge, redrive, stack, tasks
from taskguard.cli.complaints import complain
from taskguard.cli.plain_help import PlainCommand, PlainGroup
from taskguard.errors import TaskGuardError
from taskguard.targets.aws_errors import explain

COULD_NOT_BE_JUDGED = 2
# How Typer ends a command that was interrupted.
_INTERRUPTED = 130

app = typer.Typer(
    name="taskguard",
    help="Judge whether a queue pipeline really retries, backs off and dead-letters as it claims.",
    cls=PlainGroup,
    no_args_is_help=True,
    pretty_exceptions_enable=False,
)
for command in (
    grade.grade,
    judge.check,
    judge.compare,
    contract.contract,
    stack.up,
    stack.down,
    tasks.submit,
    tasks.status,
    redrive.redrive,
    stack.deploy,
    stack.remove,
    clean_up.clean_up,
    conformance.conformance,
    doctor.doctor,
    doctor.prepare,
):
    app.command(cls=PlainCommand)(command)


@app.callback(invoke_without_command=True)
def _about(version: bool = typer.Option(False, "--version", help="Print the version and exit.")) -> None:
    if version:
        typer.echo(f"taskguard {__version__}")
        raise typer.Exit


def main() -> NoReturn:
    """Run the command line: the entry point of the ``taskguard`` script."""
    # A terminated command cleans up as an interrupted one does, and so does one whose terminal is gone.
    signal.signal(signal.SIGTERM, lambda *_: _interrupt())
    if signal.getsignal(signal.SIGHUP) is not signal.SIG_IGN:  # as `nohup` has it
        signal.signal(signal.SIGHUP, lambda *_: _interrupt())
    _tell_of_installations()
    try:
        app(prog_name="taskguard")  # completion asks by this name, wherever the script is
    except SystemExit as end:
        if end.code == _INTERRUPTED:
            _complain("interrupted; what it had started on this machine has been stopped")
        raise
    except TaskGuardError as error:
        _complain(str(error))
    except (ClientError, BotoCoreError) as error:
        _complain(f"an AWS call failed: {explain(error)}")
    except OSError as error:
        _complain(f"the operating system refused: {error}")
    except Exception:  # a mistake of ours: its trace helps, and 1 would mean that a check failed
        traceback.print_exc()
        _complain("this is a mistake in TaskGuard, not in the pipeline; the trace above tells where")
    raise AssertionError("Typer ends a command by leaving the process")


def _tell_of_installations() -> None:
    """What takes a while at its first use is said, beside what a command prints for programs."""
    console = Console(stderr=True, soft_wrap=True, highlight=False, markup=False)
    handler = logging.Handler()
    handler.emit = lambda record: console.print(record.getMessage())  # type: ignore[method-assign]
    logger = logging.getLogger("taskguard")
    logger.addHandler(handler)
    logger.setLevel(logging.INFO)


def _complain(message: str) -> NoReturn:
    complain(message)
    sys.exit(COULD_NOT_BE_JUDGED)


def _interrupt() -> NoReturn:
    raise KeyboardInterrupt
