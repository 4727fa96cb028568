"""Languages that functions are written in, one file each: how a process of each is started, and what it finds in its environment.

A language is an object that fulfils :class:`Language`. None knows how a process is started or kept.
"""

from collections.abc import Mapping
from pathlib import Path
from typing import Protocol

from taskguard.engine.functions.launch import LOCALE, Folders, ForkServer, Function, Launch
from taskguard.engine.functions.runtimes.node import Node
from taskguard.engine.functions.runtimes.provided import Provided
from taskguard.engine.functions.runtimes.python import Python
from taskguard.engine.settings import FunctionRuntime


class Language(Protocol):
    """How functions of one language are run."""

    def argv(self, function: Function, folders: Folders) -> tuple[str, ...]:
        """The command."""

    def variables(self, function: Function, folders: Folders) -> Mapping[str, str]:
        """What its environment has beside the function's variables, or in place of them."""

    def read_only(self, runtime: FunctionRuntime, /) -> tuple[Path, ...]:
        """The files and folders that the command needs beside the function's own."""

    def above(self, folders: Folders, /) -> Mapping[str, Path]:
        """What lies in the folder above the package, by its name there."""

    def fork_server(self, runtime: FunctionRuntime, endpoint: str, clock: Path | None, /) -> ForkServer | None:
        """What processes of this runtime are forked from; none where each is started by its command."""

    def prepare(self, runtime: FunctionRuntime, package: Path, opt: Path | None, /) -> None:
        """Do once for an unzipped package, and the folder of its layers, what each process would do for itself. All packages that
        lie beside it have the same runtime and layers."""


_LANGUAGES: Mapping[str, Language] = {"python": Python(), "node": Node(), "provided": Provided()}


def language_of(runtime: FunctionRuntime) -> Language:
    """What runs functions of this runtime."""
    return _LANGUAGES[runtime.language]


def launch_of(function: Function, folders: Folders) -> Launch:
    """All that the function's process is started with."""
    language, opt = language_of(function.runtime), folders.opt
    # https://docs.aws.amazon.com/lambda/latest/dg/configuration-envvars.html
    of_layers = {} if opt is None else {"LD_LIBRARY_PATH": f"{folders.task_root}/lib:{opt}/lib"}
    return Launch(
        argv=language.argv(function, folders),
        environment={
            "PATH": "/usr/local/bin:/usr/bin:/bin" + ("" if opt is None else f":{opt}/bin"),
            "LANG": LOCALE,
            **of_layers,
            **function.variables,
            # Clients read ~/.aws: the user's profiles are none of the function's business.
            "HOME": str(folders.home),
            "TMPDIR": str(folders.home),
            "LAMBDA_TASK_ROOT": str(folders.task_root),
            **language.variables(function, folders),
        },
        folders=folders,
        interpreter=Path(function.runtime.interpreter),
        read_only=language.read_only(function.runtime),
        above=language.above(folders),
        folder=str(folders.task_root),
        fork_server=language.fork_server(function.runtime, function.endpoint, folders.clock),
    )
