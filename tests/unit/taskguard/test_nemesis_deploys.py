"""A deploy in mid-run: at its time, told of, with what the stack had; and what goes wrong with it."""

from __future__ import annotations

import io
import threading
import zipfile
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from hashlib import sha256
from typing import Any

import pytest
from taskguard.errors import DeploymentError
from taskguard.history import EvidenceMissing
from taskguard.run.injecting import nemesis as module
from taskguard.run.injecting.redeploying import deploy_again
from taskguard.service import function_code
from taskguard.service.stack import Stack
from taskguard.support.waiting import wait_for

from tests.unit.taskguard.fake_aws import MONITOR, WORKER, Fakes
from tests.unit.taskguard.nemesis_place import Place, kinds
from tests.unit.taskguard.recorder_lines import STACK as BARE
from tests.unit.taskguard.recorder_lines import function

STACK = replace(BARE, functions=(function(WORKER), function(MONITOR)))


@pytest.fixture
def deploys(monkeypatch: pytest.MonkeyPatch) -> list[tuple[str, str]]:
    """The deploys in mid-run, as stage and seed; none is made."""
    made: list[tuple[str, str]] = []

    def deploy(_endpoint: object, stack: Stack, seed: str, _abandoned: object) -> None:
        made.append((stack.stage, seed))

    monkeypatch.setattr(module, "deploy_again", deploy)
    return made


def test_a_deploy_is_made_at_its_time(deploys: list[tuple[str, str]]) -> None:
    place = Place()
    with place.nemesis("deploy from=30") as nemesis:
        place.clock.go_on(29.0)
        assert not deploys
        place.clock.go_on(1.0)
        wait_for(lambda: nemesis.events, seconds=10, every=0.001)
    assert deploys == [(STACK.stage, "s")]
    assert kinds(nemesis) == ["deploy"]


def test_a_deploy_of_an_interrupted_run_is_abandoned(monkeypatch: pytest.MonkeyPatch) -> None:
    begun, heeded = threading.Event(), []

    def deploy(_endpoint: object, _stack: object, _seed: str, abandoned: threading.Event) -> None:
        begun.set()
        heeded.append(abandoned.wait(10))

    monkeypatch.setattr(module, "deploy_again", deploy)

    def interrupted() -> None:
        with Place().nemesis("deploy"):
            assert begun.wait(10)
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        interrupted()
    assert heeded == [True]


def test_a_fault_whose_time_never_came_leaves_no_event(deploys: list[tuple[str, str]]) -> None:
    place = Place()
    with place.nemesis("deploy from=30; kill-first") as nemesis:
        place.clock.go_on(1.0)
    assert (nemesis.events, deploys) == ((), [])


def _failing(problem: Exception) -> Callable[..., None]:
    def fail(*_: object, **__: object) -> None:
        raise problem

    return fail


def test_what_went_wrong_leaves_it_open_whether_the_fault_struck(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "deploy_again", _failing(DeploymentError("no deploy")))
    place = Place()
    with place.nemesis("deploy") as nemesis:
        wait_for(lambda: nemesis.events, seconds=10, every=0.001)
    (event,) = nemesis.events
    assert isinstance(event, EvidenceMissing)
    assert (event.affects, event.what) == (("FaultInjected",), "whether the fault `deploy` struck: no deploy")


@dataclass
class Deployed:
    """Lambda with functions whose packages are downloaded from where they are named to lie."""

    packages: dict[str, bytes]
    updated: list[str] = field(default_factory=list)

    def get_function(self, *, FunctionName: str) -> dict[str, Any]:  # noqa: N803
        digest = sha256(self.packages[FunctionName]).hexdigest()
        return {"Code": {"Location": f"http://s3.aws/{FunctionName}"}, "Configuration": {"CodeSha256": digest}}

    def update_function_code(self, *, FunctionName: str, ZipFile: bytes) -> None:  # noqa: N803
        self.packages[FunctionName] = ZipFile
        self.updated.append(FunctionName)

    def get_function_configuration(self, *, FunctionName: str) -> dict[str, Any]:  # noqa: N803
        assert FunctionName in self.updated
        return {"LastUpdateStatus": "Successful"}


@pytest.fixture
def deployed(monkeypatch: pytest.MonkeyPatch) -> Deployed:
    package = io.BytesIO()
    with zipfile.ZipFile(package, "w") as archive:
        archive.writestr("index.mjs", "export const handler = 1;")
    lambdas = Deployed({each.name: package.getvalue() for each in STACK.functions})
    monkeypatch.setattr(
        function_code, "download", lambda _endpoint, location: lambdas.packages[location.rpartition("/")[2]]
    )
    return lambdas


def files_in(package: bytes) -> dict[str, bytes]:
    with zipfile.ZipFile(io.BytesIO(package)) as archive:
        return {name: archive.read(name) for name in archive.namelist()}


def test_each_function_is_replaced_by_the_same_code_with_a_file_more(deployed: Deployed) -> None:
    deploy_again(Fakes(lambdas=deployed), STACK, "one seed")  # type: ignore[arg-type]
    assert sorted(deployed.updated) == sorted(each.name for each in STACK.functions)
    files = files_in(deployed.packages[WORKER])
    assert files.pop("index.mjs") == b"export const handler = 1;"
    assert list(files.values()) == [b""]
    deploy_again(Fakes(lambdas=deployed), STACK, "one seed")  # type: ignore[arg-type]
    assert len(files_in(deployed.packages[WORKER])) == 3, "as often as it is deployed"


def test_none_is_replaced_once_it_is_abandoned(deployed: Deployed) -> None:
    over = threading.Event()
    over.set()
    deploy_again(Fakes(lambdas=deployed), STACK, "one seed", over)  # type: ignore[arg-type]
    assert deployed.updated == []


@pytest.mark.parametrize(
    ("package", "said"), [(b"no archive", "File is not a zip file"), (None, "it is no archive that can be downloaded")]
)
def test_a_package_that_cannot_be_had_is_named(
    deployed: Deployed, monkeypatch: pytest.MonkeyPatch, package: bytes | None, said: str
) -> None:
    if package is None:
        image = {"Code": {"ImageUri": "an image"}, "Configuration": {"CodeSha256": ""}}
        monkeypatch.setattr(deployed, "get_function", lambda **_: image)
    else:
        deployed.packages = dict.fromkeys(deployed.packages, package)
    with pytest.raises(DeploymentError, match=f"deploying the function .* again: {said}"):
        deploy_again(Fakes(lambdas=deployed), STACK, "one seed")  # type: ignore[arg-type]
