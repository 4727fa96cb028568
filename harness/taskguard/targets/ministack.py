"""MiniStack as a local process: a second implementation of the AWS interfaces, independent of LocalStack.

It is installed on first use, from its own lock file, in an environment of its own. Functions run as processes that it
starts, on the interpreter and with the libraries that Lambda's runtime stands for elsewhere in the harness. It enforces
the functions' roles, as AWS does. It has no flight recorder: what happened is read from CloudWatch Logs.
"""

from __future__ import annotations

import os
import secrets
import shutil
import signal
import subprocess
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

import psutil
from uv import find_uv_bin

from taskguard.engine.ownership import is_alive
from taskguard.engine.settings import FunctionRuntime
from taskguard.errors import SetupError
from taskguard.places import DATA
from taskguard.targets.base import LOCAL_CREDENTIALS, Endpoint
from taskguard.targets.environments import (
    Environment,
    engine_python,
    find_python,
    installed,
)
from taskguard.targets.guardian import guard
from taskguard.targets.process import ProcessInstance, ProcessTarget, answered, listen_once, log_in
from taskguard.targets.runtimes import LAMBDA_RUNTIME, find_runtime

_LOCK = DATA / "ministack.txt"
# All that the engine starts inherits it, so that nothing of an instance is overlooked when it ends.
_TOKEN = "TASKGUARD_MINISTACK"
_END_ATTEMPTS = 3
_END_TIMEOUT_SECONDS = 5.0
# Functions run on the engine's own interpreter. In this way it has MiniStack on its path in the engine alone.
_LAUNCHER = Path(__file__).with_name("ministack_launcher.py")


@dataclass(frozen=True, slots=True, kw_only=True)
class MiniStackInstance(ProcessInstance):
    """An engine whose guardian ends it with its owner; all that it starts has its token, too."""

    kind = "ministack"

    version: str

    def answers(self) -> bool:
        return answered(f"{self.url}/_ministack/health", "edition") == self.token

    def stay(self) -> None:
        _guarded(self.scratch).unlink(missing_ok=True)

    def endpoint(self) -> Endpoint:
        return Endpoint(
            target="ministack",
            url=self.url,
            region=self.region,
            log=log_in(self.folder),
            versions=(("ministack", self.version), ("lambda runtime", self.runtime)),
        )

    def end(self) -> None:
        # Nothing in it is worth saving. First the engine, which would start functions anew.
        if self.is_running():
            with suppress(ProcessLookupError, PermissionError):
                os.killpg(self.pid, signal.SIGKILL)
        for _ in range(_END_ATTEMPTS):
            processes = list(self._processes())
            for process in processes:
                with suppress(psutil.Error):
                    process.kill()
            psutil.wait_procs(processes, timeout=_END_TIMEOUT_SECONDS)
        shutil.rmtree(self.scratch, ignore_errors=True)

    def _processes(self) -> Iterator[psutil.Process]:
        """The engine, the functions, and all that these have started."""
        for process in psutil.process_iter():
            with suppress(psutil.Error, OSError):
                if is_alive(process) and self._is_of_it(process):
                    yield process

    def _is_of_it(self, process: psutil.Process) -> bool:
        return process.environ().get(_TOKEN) == self.token


class MiniStack(ProcessTarget[MiniStackInstance]):
    """As every process target."""

    engine = "MiniStack"

    def _launch(self, port: int, scratch: str) -> tuple[subprocess.Popen[bytes], MiniStackInstance]:
        runtime = find_runtime(LAMBDA_RUNTIME, self.cache)
        environment = ministack_environment(self.cache)
        token = secrets.token_hex(16)
        python = _bare_python(runtime, Path(scratch))
        process = self._run(
            [python, "-I", str(_LAUNCHER), str(environment.packages)],
            scratch,
            _environment(port, scratch, self.region, runtime) | {_TOKEN: token, "MINISTACK_EDITION": token},
        )
        instance = MiniStackInstance(
            pid=process.pid,
            token=token,
            port=port,
            scratch=scratch,
            folder=str(self.folder),
            region=self.region,
            version=environment.version_of("ministack"),
            runtime=f"Python {runtime.version}",
        )
        guard(instance, self.owner_pid, _guarded(scratch))
        return process, instance

    def _found_port_taken(self, port: int) -> bool:
        # It ends alike whatever was wrong.
        try:
            listen_once(port)
        except OSError:
            return True
        return False


def ministack_environment(cache: Path) -> Environment:
    """What MiniStack runs on: its functions' own interpreter.

    Raises:
        SetupError: when it cannot be installed.
    """
    python = find_python(LAMBDA_RUNTIME.removeprefix("python")) or engine_python()
    return installed(_LOCK, python, cache, "MiniStack")


def _guarded(scratch: str) -> Path:
    """The file that the guardian watches: it is dismissed when the file, or the folder, is gone."""
    return Path(scratch, "guarded")


def _bare_python(runtime: FunctionRuntime, scratch: Path) -> str:
    """The runtime's interpreter without any package of this machine's, as a function finds it on Lambda.

    Raises:
        SetupError: when it cannot be made.
    """
    folder = scratch / "python"
    command = [find_uv_bin(), "venv", "--quiet", "--no-project", "--no-config", "--python", runtime.interpreter]
    done = subprocess.run([*command, str(folder)], capture_output=True, text=True, check=False)
    if done.returncode != 0:
        raise SetupError(f"making a virtual environment with {runtime.interpreter} failed:\n{done.stderr.strip()}")
    return str(folder / "bin" / "python")


def _environment(port: int, scratch: str, region: str, runtime: FunctionRuntime) -> dict[str, str]:
    """The engine's whole environment, which its functions inherit: nothing of the user's."""
    home = Path(scratch, "home")
    home.mkdir()
    return {
        "PATH": "/usr/local/bin:/usr/bin:/bin",
        "LANG": "en_US.UTF-8",
        "HOME": str(home),
        "TMPDIR": str(home),
        # The engine itself, in isolated mode, does not look at these two.
        "PYTHONPATH": os.pathsep.join(runtime.library_path),
        "PYTHONDONTWRITEBYTECODE": "1",
        # By default it listens on all interfaces.
        "BIND_HOST": "127.0.0.1",
        "GATEWAY_PORT": str(port),
        # What it names in addresses of queues and packages.
        "MINISTACK_HOST": "127.0.0.1",
        "MINISTACK_REGION": region,
        # Signatures are checked and roles enforced; the harness is the account's root.
        "AUTH": "true",
        **LOCAL_CREDENTIALS,
        # AWS's default for an account; MiniStack's depends on the machine's memory.
        "LAMBDA_ACCOUNT_CONCURRENCY": "1000",
        "STATE_DIR": str(Path(scratch, "state")),
        # No listeners besides the one, and no look at the user's containers.
        "IOT_MTLS_ENABLED": "0",
        "SFTP_ENABLED": "0",
        "DOCKER_HOST": f"unix://{scratch}/no-docker",
    }
