"""What functions of each Lambda runtime run on here: an interpreter of this machine, and the libraries that Lambda itself brings.

A function of runtime ``python3.12`` or ``nodejs20.x`` runs on that version where one is found, else on another: the interpreter that the
engine runs on, or the Node.js on PATH. The run's manifest says which. Run as ``python -m taskguard.targets.runtimes <cache> <name>``,
this tells an engine of a runtime that it has not met before, and installs the libraries first: most services need one runtime, and
who needs no Node.js is to install none.
"""

from __future__ import annotations

import hashlib
import json
import os
import platform
import re
import shutil
import subprocess
import sys
from collections.abc import Callable, Iterator, Mapping
from contextlib import suppress
from dataclasses import asdict, dataclass
from functools import lru_cache
from pathlib import Path

from taskguard.engine.functions.runtimes.provided import SHELL
from taskguard.engine.settings import FunctionRuntime, Provider
from taskguard.errors import SetupError
from taskguard.places import DATA
from taskguard.targets.environments import Python, engine_python, find_python, installed
from taskguard.targets.npm import npm_packages

LAMBDA_RUNTIME = "python3.13"
"""The one that our own service asks for."""

RUNTIMES = (
    *(f"python3.{minor}" for minor in range(9, 15)),
    *(f"nodejs{major}.x" for major in range(16, 25, 2)),
)
"""Those that services of today ask for, by Lambda's names: https://docs.aws.amazon.com/lambda/latest/dg/lambda-runtimes.html."""

_PROVIDED = re.compile(r"provided(\.al\d+)?")
_LIBRARIES_LOCK = DATA / "lambda-runtime.txt"
# Found last: where the runtime interface client has its native transport, that one is used.
_FALLBACK = Path(__file__).parents[1] / "engine" / "functions" / "runtime_client"
_NODE_PACKAGES = DATA / "nodejs"
_FIRST_WITH_CLIENT_4 = 24
_FIRST_WITH_SDK_V3 = 18
_ANSWER_SECONDS = 20
_FOR_INSTALLING = re.compile(
    r"PATH|HOME|LANG|LC_.*|TMPDIR|USER|TASKGUARD_CACHE|PYTHONPATH|(https?|all|no)_proxy|SSL_CERT_.*|REQUESTS_CA_BUNDLE|NODE_EXTRA_CA_CERTS|"
    r"npm_config_.*|UV_.*|PIP_.*|XDG_.*|PYENV_ROOT|NVM_DIR|FNM_DIR|VOLTA_HOME",
    re.IGNORECASE,
)
"""The environment variables by which interpreters are found and packages installed: no credentials of AWS's."""


@dataclass(frozen=True, slots=True)
class Node:
    """A Node.js of this machine."""

    executable: str
    version: str

    @property
    def major(self) -> int:
        return int(self.version.split(".", maxsplit=1)[0])


def find_runtime(name: str, cache: Path) -> FunctionRuntime:
    """What functions of the Lambda runtime ``name`` (``python3.13``, ``nodejs20.x``) run on here.

    Raises:
        SetupError: when none of its language is found, none can be run here, or the libraries cannot be installed.
    """
    if re.fullmatch(r"python3\.\d+", name):
        return _python(name, cache)
    if found := re.fullmatch(r"nodejs(\d+)\.x", name):
        return _node(name, int(found[1]), cache)
    if _PROVIDED.fullmatch(name):
        return _provided(name)
    raise SetupError(
        f"looking for the Lambda runtime {name}: functions in Python and Node.js, and programs that bring their own runtime (provided.al2023), run "
        "as local processes, others do not. Choose such a runtime, or set this function aside."
    )


def provider(cache: Path, scratch: Path) -> Provider:
    """How an engine asks for runtimes that it was not told of; ``scratch`` is a folder that goes with it, and that none but the user reads."""
    source = str(Path(__file__).parents[2])
    environment = {name: value for name, value in os.environ.items() if _FOR_INSTALLING.fullmatch(name)}
    path = os.pathsep.join(filter(None, [source, environment.get("PYTHONPATH")]))
    command = (sys.executable, "-P", "-m", "taskguard.targets.runtimes", str(cache))
    file = scratch / "provider.json"
    file.write_text(json.dumps({**environment, "PYTHONPATH": path}), encoding="utf-8")
    return Provider(command, str(file))


def interpreter_of(name: str) -> FunctionRuntime | None:
    """What a runtime would run on, without its libraries, which are not installed for that; none where there is nothing."""
    with suppress(SetupError):
        if re.fullmatch(r"python3\.\d+", name):
            python = _python_for(name)
            return FunctionRuntime(python.executable, (), python.version, name=name)
        if (found := re.fullmatch(r"nodejs(\d+)\.x", name)) and (node := find_node(int(found[1]))) is not None:
            return FunctionRuntime(node.executable, (), node.version, language="node", name=name)
        if _PROVIDED.fullmatch(name):
            return _provided(name)
    return None


def _provided(name: str) -> FunctionRuntime:
    if not sys.platform.startswith("linux"):
        raise SetupError(
            f"looking for the Lambda runtime {name}: what brings its own runtime is a program for Linux. Grade it there, or in containers "
            "(--target docker)."
        )
    return FunctionRuntime(SHELL, (), f"{platform.system()} {platform.machine()}", language="provided", name=name)


def _python_for(name: str) -> Python:
    # For others there are no libraries.
    own = find_python(name.removeprefix("python")) if name in RUNTIMES else None
    return own or engine_python()


def _python(name: str, cache: Path) -> FunctionRuntime:
    python = _python_for(name)
    libraries = installed(_LIBRARIES_LOCK, python, cache, "the Lambda runtime's libraries").packages
    about = hashlib.sha256(f"{python.version} {python.abi}".encode()).hexdigest()[:12]
    compiled = cache / "python" / f"compiled-{name}-{about}"
    compiled.mkdir(parents=True, exist_ok=True)
    path = (str(libraries), str(_FALLBACK))
    return FunctionRuntime(python.executable, path, python.version, name=name, compiled=str(compiled))


def _node(name: str, major: int, cache: Path) -> FunctionRuntime:
    node = find_node(major)
    if node is None:
        raise SetupError(
            f"looking for a Node.js for the Lambda runtime {name}: none is on PATH, nor among those of nvm, fnm or Volta. "
            f"Install Node.js {major}, or another."
        )
    client = npm_packages(_NODE_PACKAGES / "client", cache, "AWS's runtime interface client for Node.js")
    version = "4" if major >= _FIRST_WITH_CLIENT_4 else "3"
    what = "the AWS SDK for JavaScript"
    sdk = npm_packages(_NODE_PACKAGES / "sdk-v3", cache, what) if major >= _FIRST_WITH_SDK_V3 else sdk_v2(cache)
    path = (str(client / f"aws-lambda-ric-{version}"), str(sdk))
    return FunctionRuntime(node.executable, path, node.version, language="node", name=name)


def sdk_v2(cache: Path) -> Path:
    """The folder ``node_modules`` with the AWS SDK for JavaScript of version 2, which functions up to ``nodejs16.x`` find.

    Raises:
        SetupError: it cannot be installed.
    """
    return npm_packages(_NODE_PACKAGES / "sdk-v2", cache, "the AWS SDK for JavaScript")


def find_node(major: int) -> Node | None:
    """The Node.js of this major version: the one on PATH, or a version manager's; else the one on PATH, or the newest; none when there is
    none."""
    on_path = shutil.which("node")
    found = [node for each in (on_path, *_kept_apart()) if each and (node := _asked(each)) is not None]
    fitting = [node for node in found if node.major == major]
    if fitting or not found:
        return fitting[0] if fitting else None
    return found[0] if found[0].executable == on_path else max(found, key=lambda node: node.major)


def _kept_apart() -> Iterator[str]:
    """The programs that version managers keep, the newest of each first."""
    environment: Callable[[str], str | None] = os.environ.get
    with suppress(RuntimeError):  # a user without a home
        home = Path.home()
        data = Path(environment("XDG_DATA_HOME") or home / ".local" / "share")
        folders = (
            (Path(environment("NVM_DIR") or home / ".nvm", "versions", "node"), "bin/node"),
            *(
                (Path(each, "node-versions"), "installation/bin/node")
                for each in _of_fnm(environment("FNM_DIR"), home, data)
            ),
            (Path(environment("VOLTA_HOME") or home / ".volta", "tools", "image", "node"), "bin/node"),
        )
        for folder, program in folders:
            for each in sorted(folder.glob("*"), key=_version_of, reverse=True):
                if os.access(each / program, os.X_OK):
                    yield str(each / program)


def _of_fnm(named: str | None, home: Path, data: Path) -> tuple[Path, ...]:
    return (Path(named),) if named else (data / "fnm", home / ".fnm", home / "Library" / "Application Support" / "fnm")


def _version_of(folder: Path) -> tuple[int, ...]:
    return tuple(map(int, re.findall(r"\d+", folder.name)))


@lru_cache
def _asked(executable: str) -> Node | None:
    try:
        answer = subprocess.run(
            [executable, "--version"], capture_output=True, text=True, timeout=_ANSWER_SECONDS, check=True
        )
    except (OSError, subprocess.SubprocessError):
        return None
    found = re.fullmatch(r"v(\d+\.\d+\.\d+)\S*", answer.stdout.strip())
    return Node(executable, found[1]) if found else None


def _main() -> int:
    cache, name = sys.argv[1:]
    try:
        told: Mapping[str, object] = asdict(find_runtime(name, Path(cache)))
    except SetupError as error:
        print(error, file=sys.stderr)  # noqa: T201  # for the engine
        return 1
    print(json.dumps(told))  # noqa: T201
    return 0


if __name__ == "__main__":
    sys.exit(_main())
