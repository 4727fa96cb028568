"""Functions in Python that are forked from an interpreter which has loaded what Lambda brings: they are the same as those that are started."""

from __future__ import annotations

import importlib.util
import json
import os
import subprocess
import sys
import textwrap
from collections.abc import Callable, Iterator, Mapping
from dataclasses import replace
from pathlib import Path

import boto3
import pytest
from taskguard.engine.functions.launch import Folders, Function, Launch
from taskguard.engine.functions.process import FunctionProcess
from taskguard.engine.functions.runtimes import launch_of, python_fork_server
from taskguard.engine.settings import FunctionRuntime

from tests.programs.lambda_libraries import write_libraries

SOON = 20.0
FORKED, STARTED = "forked\n", "started\n"
WHICH = "import sys\nprint('forked' if 'loaded_by_the_sdk' in sys.modules else 'started')"

pytestmark = pytest.mark.skipif(not sys.platform.startswith("linux"), reason="functions are forked on Linux alone")


class Functions:
    """Runs code in the place of the runtime interface client, on a library with an SDK that loads a module of its own."""

    def __init__(self, folder: Path, library: Path) -> None:
        self.folder, self.package, self.library = folder, folder / "package", library
        self.package.mkdir()
        self._sdk: Path | None = None

    def with_libraries_of_their_own(self, file: str, text: str) -> None:
        self.library = self.folder / "library"
        write_libraries(self.library, "")
        (self.library / file).write_text(text)

    def with_the_sdk_itself(self) -> None:
        self.library, self._sdk = self.folder / "client", Path(boto3.__file__).parents[1]

    def launch(self, code: str, variables: Mapping[str, str] | None = None, skew_seconds: float = 0.0) -> Launch:
        write_libraries(self.library, code, sdk=self._sdk is None)
        libraries = [self.library] if self._sdk is None else [self.library, self._sdk]
        home = self.folder / f"home-{len(list(self.folder.iterdir()))}"
        home.mkdir()
        runtime = FunctionRuntime(sys.executable, tuple(map(str, libraries)), "3")
        function = Function(
            runtime=runtime, handler="app.handler", variables=variables or {}, skew_seconds=skew_seconds
        )
        return launch_of(function, Folders(task_root=self.package, home=home))


@pytest.fixture(scope="module")
def library(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("library")


@pytest.fixture
def functions(tmp_path: Path, library: Path) -> Functions:
    return Functions(tmp_path, library)


@pytest.fixture
def said() -> Iterator[Callable[[Launch], str]]:
    """What such a process wrote until it ended."""
    started: list[FunctionProcess] = []

    def run(launch: Launch) -> str:
        process = FunctionProcess(launch, lambda: None)
        started.append(process)
        assert process.ended.wait(SOON)
        return process.take_output()

    yield run
    for process in started:
        process.kill()


def test_a_function_is_forked_with_what_was_loaded(functions: Functions, said: Callable[[Launch], str]) -> None:
    assert said(functions.launch(WHICH)) == FORKED
    assert said(replace(functions.launch(WHICH), fork_server=None)) == STARTED


@pytest.mark.parametrize("name", ["PYTHONUNBUFFERED", "LC_ALL", "LD_PRELOAD", "BOTO_DISABLE_CRT"])
def test_a_variable_that_is_read_at_the_start_has_it_started(
    functions: Functions, said: Callable[[Launch], str], name: str
) -> None:
    assert said(functions.launch(WHICH, {name: ""})) == STARTED


def test_another_time_has_it_started(functions: Functions, said: Callable[[Launch], str]) -> None:
    assert said(functions.launch(WHICH, skew_seconds=5.0)) == STARTED


@pytest.mark.parametrize(("text", "way"), [("VALUE = 1\n", FORKED), ("VALUE = 2\n", STARTED)])
def test_a_module_of_its_own_is_the_one_that_it_has(
    functions: Functions, said: Callable[[Launch], str], text: str, way: str
) -> None:
    (functions.package / "loaded_by_the_sdk.py").write_text(text)
    which = "import loaded_by_the_sdk as it, os\nprint('forked' if os.environ.get('HOME', '') and it.__file__.count('library') else 'started')\n"
    assert said(functions.launch(which)) == way
    assert said(functions.launch("import loaded_by_the_sdk as it\nprint(it.VALUE)")) == text[-2:]


def test_a_file_that_stands_for_one_of_the_standard_library_is_loaded(
    functions: Functions, said: Callable[[Launch], str]
) -> None:
    (functions.package / "fractions.py").write_text("MINE = True\n")
    functions.with_libraries_of_their_own("loaded_by_the_sdk.py", "import fractions\n")
    assert said(functions.launch("import fractions\nprint(hasattr(fractions, 'MINE'))")) == "True\n"


def test_a_search_path_of_its_own_is_searched(functions: Functions, said: Callable[[Launch], str]) -> None:
    other = functions.folder / "other"
    other.mkdir()
    (other / "only_there.py").write_text("print('found')\n")
    code = f"{WHICH}\nimport only_there"
    assert said(functions.launch(code, {"PYTHONPATH": str(other)})) == FORKED + "found\n"


def test_environments_differ_in_what_an_interpreter_draws_by_lot(
    functions: Functions, said: Callable[[Launch], str]
) -> None:
    hashes = {said(functions.launch(f"{WHICH}\nprint(hash('a'))")) for _ in range(4)}
    assert len(hashes) == 2, "two interpreters take turns"
    drawn = {said(functions.launch("import random\nprint(random.random())")) for _ in range(4)}
    assert len(drawn) == 4


def test_the_time_zone_is_the_function_s(functions: Functions, said: Callable[[Launch], str]) -> None:
    code = f"{WHICH}\nimport time\nprint(time.strftime('%H:%M', time.localtime(0)))"
    assert said(functions.launch(code, {"TZ": "XYZ-05:30"})) == FORKED + "05:30\n"


def test_an_sdk_that_cannot_be_loaded_leaves_functions_to_be_started(
    functions: Functions, said: Callable[[Launch], str]
) -> None:
    functions.with_libraries_of_their_own("boto3/__init__.py", "raise ValueError('broken')\n")
    assert said(functions.launch(WHICH)) == STARTED


def test_a_client_s_model_is_read_once_for_all_and_one_of_the_function_s_own_is_preferred(
    functions: Functions, said: Callable[[Launch], str]
) -> None:
    functions.with_the_sdk_itself()
    code = """
    import sys
    print('forked' if 'botocore.client' in sys.modules else 'started')
    import boto3, botocore.loaders
    read, loads = [], botocore.loaders.json.loads
    botocore.loaders.json.loads = lambda *text, **how: read.append(text) or loads(*text, **how)
    session = boto3.session.Session('none', 'none', region_name='eu-central-1')
    print(session.client('sqs').meta.service_model.metadata['serviceFullName'], len(read))
    """
    assert said(functions.launch(code)) == f"{FORKED}Amazon Simple Queue Service 0\n"
    model = functions.folder / "models" / "sqs" / "2012-11-05" / "service-2.json"
    model.parent.mkdir(parents=True)
    metadata = {
        "serviceFullName": "Mine",
        "serviceId": "SQS",
        "endpointPrefix": "sqs",
        "protocol": "json",
        "signatureVersion": "v4",
    }
    model.write_text(json.dumps({"metadata": metadata, "operations": {}, "shapes": {}}))
    own = said(functions.launch(code, {"AWS_DATA_PATH": str(functions.folder / "models")}))
    assert own.startswith(f"{FORKED}Mine "), own


def test_what_runs_at_the_end_of_an_interpreter_runs(functions: Functions, said: Callable[[Launch], str]) -> None:
    code = f"{WHICH}\nimport atexit, threading\natexit.register(print, 'the end')\nthreading.Timer(0.01, print, ['later']).start()"
    assert said(functions.launch(code)) == f"{FORKED}later\nthe end\n"


def test_the_sdk_looks_at_no_variable_when_it_is_loaded_that_is_taken_for_one_to_look_at_later() -> None:
    spying = """
    import os
    names, kind = set(), type(os.environ)
    read, contains = kind.__getitem__, kind.__contains__
    kind.__getitem__ = lambda self, name: names.add(name) or read(self, name)
    kind.__contains__ = lambda self, name: names.add(name) or contains(self, name)
    import boto3
    print(*names)
    """
    spec = importlib.util.find_spec("boto3")
    assert spec is not None
    assert spec.origin is not None
    environment = {"PYTHONPATH": str(Path(spec.origin).parents[1]), "HOME": os.devnull}
    command = [sys.executable, "-S", "-s", "-c", textwrap.dedent(spying)]
    names = subprocess.run(command, env=environment, capture_output=True, text=True, check=True).stdout.split()
    # Of the home there is the folder of a user's settings, which a function has not got.
    assert [
        name for name in names if name != "HOME" and not name.startswith(python_fork_server.READ_AT_THE_START)
    ] == []
