"""Functions that bring their own runtime, as programs in Go, Rust or C++ do: what is called ``bootstrap`` in the package, or in a layer, is run
and asks the Runtime API for its invocations (https://docs.aws.amazon.com/lambda/latest/dg/runtimes-custom.html).

Such a program is made for one processor, and no other can run it. Its clock is the machine's, and it calls AWS where ``AWS_ENDPOINT_URL`` says.
"""

import platform
from collections.abc import Mapping
from pathlib import Path

from taskguard.engine.functions.launch import Folders, ForkServer, Function
from taskguard.engine.settings import FunctionRuntime

SHELL = "/bin/sh"
_BOOTSTRAP = "bootstrap"
_RUN_THE_FIRST = """for each in "$@"; do if [ -f "$each" ]; then exec "$each"; fi; done
echo "Couldn't find valid bootstrap(s): [$*]" >&2
exit 127"""
"""In Lambda's words, where there is none."""

_ELF = b"\x7fELF"
_PROCESSORS = {0x3E: "x86_64", 0xB7: "aarch64"}
"""By their numbers in the header of such a file: https://refspecs.linuxfoundation.org/elf/gabi4+/ch4.eheader.html."""
_ALSO_CALLED = {"amd64": "x86_64", "arm64": "aarch64"}
_HEADER_BYTES = 20


class OtherProcessorError(Exception):
    """A program was made for a processor that this machine does not have."""


class Provided:
    """A ``Language``."""

    def argv(self, _function: Function, folders: Folders) -> tuple[str, ...]:
        places = [folders.task_root, *([folders.opt] if folders.opt is not None else [])]
        return (SHELL, "-c", _RUN_THE_FIRST, _BOOTSTRAP, *(f"{place}/{_BOOTSTRAP}" for place in places))

    def variables(self, function: Function, _folders: Folders) -> Mapping[str, str]:
        return {"_HANDLER": function.handler}

    def read_only(self, _runtime: FunctionRuntime) -> tuple[Path, ...]:
        return ()

    def above(self, _folders: Folders) -> Mapping[str, Path]:
        return {}

    def fork_server(self, _runtime: FunctionRuntime, _endpoint: str, _clock: Path | None) -> ForkServer | None:
        return None

    def prepare(self, _runtime: FunctionRuntime, package: Path, opt: Path | None) -> None:
        for place in filter(None, (package, opt)):
            processor = processor_of(place / _BOOTSTRAP)
            here = _ALSO_CALLED.get(platform.machine().lower(), platform.machine().lower())
            if processor not in (None, here):
                raise OtherProcessorError(
                    f"the function's program is made for {processor}, and this machine is {here}: build it for that processor, or "
                    "grade where there is the other one"
                )


def processor_of(program: Path) -> str | None:
    """The processor that a program was made for; none where it is no such file, as a script, or says another one."""
    try:
        with program.open("rb") as file:
            header = file.read(_HEADER_BYTES)
    except OSError:
        return None
    if not header.startswith(_ELF) or len(header) < _HEADER_BYTES:
        return None
    return _PROCESSORS.get(int.from_bytes(header[18:20], "little"))
