"""Every error that TaskGuard raises for a user to read, as one tree.

Each class says in its docstring what the user should do; each message names what was being done, what was found, and
what to do next. Programming mistakes are not here: they stay `ValueError` and `TypeError`.
"""


class TaskGuardError(Exception):
    """The root of TaskGuard's errors: catch it to print a message without a traceback, and exit with 2."""


class HistoryError(TaskGuardError):
    """A saved run cannot be read: check that the path is a run's folder and that its files are whole, or run again."""


class SetupError(TaskGuardError):
    """A needed program or package is missing. Usually ``taskguard prepare``, or in a checkout ``make setup``, puts it right."""


class TargetError(TaskGuardError):
    """The place where the stack should live cannot be started or reached. Look at the log the message names."""


class DeploymentError(TaskGuardError):
    """The stack could not be deployed, removed or read. The message ends with what the Serverless CLI said."""


class DiscoveryError(DeploymentError):
    """What is deployed cannot be told for certain. The message names what was found, and the line of taskguard.toml that decides."""


class SubmissionError(TaskGuardError):
    """The API could not be reached at all. Check that the stack is up."""


class PolicyError(TaskGuardError):
    """A role's policy uses what cannot be judged here. Write it with actions and resources alone, or check it by hand."""


class RedriveError(TaskGuardError):
    """A task was not put back to work. The message says in what state it is and what to do."""


class FaultPlanError(TaskGuardError):
    """A fault cannot be read or makes no sense. The message names it, and says what there is (docs/faults.md has it all)."""


class ConfigurationError(TaskGuardError):
    """A contract or a `taskguard.toml` cannot be read. The message names the file, the place and what there is."""
