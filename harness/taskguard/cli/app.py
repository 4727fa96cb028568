"""All commands, and what becomes of an error: a message, and an exit code (:class:`taskguard.errors.ExitCode`)."""

from __future__ import annotations

import logging
import signal
import sys
import traceback
from typing import NoReturn

import typer
from botocore.exceptions import BotoCoreError, ClientError
from botocore.parsers import ResponseParserError
from rich.console import Console

from taskguard import __version__
from taskguard.cli import (
    clean_up,
    conformance,
    contract,
    doctor,
    grade,
    gradebook,
    init,
    judge,
    redrive,
    stack,
    tasks,
    watch,
)
from taskguard.cli.complaints import complain
from taskguard.cli.plain_help import PlainCommand, PlainGroup
from taskguard.errors import ExitCode, RunEndedEarly, TaskGuardError, exit_code_of
from taskguard.targets.aws_errors import explain, one_line

app = typer.Typer(
    name="taskguard",
    help="Test whether a queue pipeline on AWS retries, delays and dead-letters failed messages as it should.",
    epilog="Exit codes: 0 all checks passed; 1 a check failed, or two runs differ; 2 something could not be judged; 3 there was no run to "
    "judge (engine, deployment, network); 5 a saved run is judged differently than before; 64 the command, or a file it uses, is wrong; "
    "130, 143 or 129 interrupted.",
    cls=PlainGroup,
    no_args_is_help=True,
    pretty_exceptions_enable=False,
)
for command in (
    grade.grade,
    watch.watch,
    gradebook.gradebook,
    judge.check,
    judge.compare,
    contract.contract,
    init.init,
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
def _about(version: bool = typer.Option(False, "--version", help="Show the version and exit.")) -> None:
    if version:
        typer.echo(f"taskguard {__version__}")
        raise typer.Exit


def run() -> NoReturn:
    """Run the command that was typed."""
    interrupts = _Interrupts()
    _tell_of_installations()
    try:
        app(prog_name="taskguard")  # completion asks by this name, wherever the script is
    except SystemExit as end:
        # Typer ends a command so that was interrupted.
        if end.code == ExitCode.INTERRUPTED:
            _end("interrupted; what it had started on this machine has been stopped", interrupts.exit_code)
        raise
    except RunEndedEarly as error:
        if not isinstance(error.__cause__, (KeyboardInterrupt, TaskGuardError, ClientError, BotoCoreError, OSError)):
            traceback.print_exception(error.__cause__)
        _end(str(error), error.exit_code)
    except TaskGuardError as error:
        _end(str(error), error.exit_code)
    except (ClientError, BotoCoreError) as error:
        _end(f"an AWS call failed: {explain(error)}")
    except ResponseParserError as error:
        _end(f"what answers is no AWS engine: {one_line(error)}. Is there an engine at that address?")
    except OSError as error:
        _end(f"the operating system refused: {error}")
    except Exception:  # a mistake of ours: its trace helps
        traceback.print_exc()
        _end("this is a mistake in TaskGuard, not in the pipeline; the trace above tells where")
    raise AssertionError("Typer ends a command by leaving the process")


class _Interrupts:
    """Lets a command that is terminated clean up as one that is interrupted does, and so one whose terminal is gone."""

    def __init__(self) -> None:
        self._number = signal.SIGINT
        for each in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
            if signal.getsignal(each) is not signal.SIG_IGN:  # as `nohup` has it
                signal.signal(each, self._interrupt)

    @property
    def exit_code(self) -> int:
        return exit_code_of(KeyboardInterrupt(self._number))

    def _interrupt(self, number: int, _frame: object) -> NoReturn:
        self._number = signal.Signals(number)
        raise KeyboardInterrupt(number)


def _tell_of_installations() -> None:
    """What takes a while at its first use is said, beside what a command prints for programs."""
    console = Console(stderr=True, soft_wrap=True, highlight=False, markup=False)
    handler = logging.Handler()
    handler.emit = lambda record: console.print(record.getMessage())  # type: ignore[method-assign]
    logger = logging.getLogger("taskguard")
    logger.addHandler(handler)
    logger.setLevel(logging.INFO)


def _end(message: str, exit_code: int = ExitCode.NOT_MADE) -> NoReturn:
    complain(message)
    sys.exit(int(exit_code))
