"""Every error that TaskGuard raises for a user to read, as one tree.

Each class says in its docstring what the user should do; each message names what was being done, what was found, and
what to do next. Programming mistakes are not here: they stay `ValueError` and `TypeError`. What a command ends with is here too.
"""

import signal
from enum import IntEnum


class ExitCode(IntEnum):
    """What a command tells by its exit status; docs/reading.md has the table for users."""

    PASSED = 0
    """All checks passed, or what was asked is done."""
    FAILED = 1
    """A check failed, or two runs differ."""
    UNKNOWN = 2
    """Nothing failed, and it could not all be judged."""
    NOT_MADE = 3
    """What was asked could not be done, or not to its end: the engine, the deploy, AWS, this machine, or a mistake in TaskGuard."""
    DIFFERS = 5
    """A saved run is judged otherwise than its folder has it."""
    WRONG_USAGE = 64
    """The command, or a file that it was given to go by, is wrong: EX_USAGE of sysexits.h."""
    INTERRUPTED = 130
    """By Ctrl-C. As in a shell, another signal is 128 and its number: 143 for SIGTERM."""


class TaskGuardError(Exception):
    """The root of TaskGuard's errors: catch it to print a message without a traceback, and exit with its ``exit_code``."""

    exit_code: int = ExitCode.NOT_MADE


def exit_code_of(interrupt: KeyboardInterrupt) -> int:
    """As a shell tells it, by the number of the signal that it was raised with: without one it was Ctrl-C."""
    return ExitCode.INTERRUPTED - signal.SIGINT + int(next(iter(interrupt.args), signal.SIGINT))


class RunEndedEarly(TaskGuardError):
    """A run broke off in the middle. The message says why, and where what was seen until then is kept; it can be judged as far as
    it goes. ``interrupted`` is whether the user did it, by this ``interrupt``."""

    def __init__(
        self, message: str, *, exit_code: int = ExitCode.NOT_MADE, interrupt: KeyboardInterrupt | None = None
    ) -> None:
        super().__init__(message)
        self.interrupted = interrupt is not None
        self.exit_code = exit_code if interrupt is None else exit_code_of(interrupt)


class HistoryError(TaskGuardError):
    """A saved run cannot be read: check that the path is a run's folder and that its files are whole, or run again."""

    exit_code = ExitCode.UNKNOWN


class SetupError(TaskGuardError):
    """A needed program or package is missing. Usually ``taskguard prepare``, or in a checkout ``make setup``, puts it right."""


class SandboxError(SetupError):
    """Programs of others cannot be kept in a sandbox here. The message says what is missing and how to get it; or the command says that
    they are to run without."""

    exit_code = ExitCode.WRONG_USAGE


class TargetError(TaskGuardError):
    """The place where the stack should live cannot be started or reached. Look at the log the message names."""


class DeploymentError(TaskGuardError):
    """The stack could not be deployed, removed or read. The message ends with what the Serverless CLI said."""


class OtherTemplate(DeploymentError):
    """A stack differs in more than the code of its functions from what is to be there. It is to be deployed."""


class DiscoveryError(DeploymentError):
    """What is deployed cannot be told for certain. The message names what was found, and the line of taskguard.toml that decides."""


class SubmissionError(TaskGuardError):
    """The API could not be reached at all. Check that the stack is up."""


class IngressError(TaskGuardError):
    """No task can be handed in: the gateway answers by itself, or the service refuses words that nobody stated. The message says what was
    answered, by which address, and the lines of taskguard.toml that help."""


class RedriveError(TaskGuardError):
    """A task was not put back to work. The message says in what state it is and what to do."""


class FaultPlanError(TaskGuardError):
    """A fault cannot be read or makes no sense. The message names it, and says what there is (docs/faults.md has it all)."""

    exit_code = ExitCode.WRONG_USAGE


class ConfigurationError(TaskGuardError):
    """A contract or a `taskguard.toml` cannot be read. The message names the file, the place and what there is."""

    exit_code = ExitCode.WRONG_USAGE
