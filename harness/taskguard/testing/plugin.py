"""The pytest plugin: a deployed pipeline as a fixture, for this project's tests and for anybody's.

Each option (``--taskguard-target``; `_SETTINGS` has them all) can be set in the project's configuration too
(``taskguard_target = "…"``). A session that uses no fixture of these pays for none.

Fixtures: ``endpoint`` (a running engine), ``deploy`` (a stage of one's own), ``stack`` (the session's stage), ``pipeline`` (that
stage, with tasks of known fate), ``faults`` (what is broken on purpose until a test ends). One engine serves the whole session,
under pytest-xdist too.
"""

from __future__ import annotations

import os
import sys
from collections.abc import Callable, Generator, Iterator
from contextlib import ExitStack
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import partial
from hashlib import sha256
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from taskguard.errors import TaskGuardError
from taskguard.support.clocks import clock_scale
from taskguard.support.this_command import runnable
from taskguard.targets.names import DEFAULT_REGION, HELP, TargetName

if TYPE_CHECKING:
    from taskguard.faults.plan import Plan
    from taskguard.places import Places
    from taskguard.run.running import Run
    from taskguard.run.stages import WantedStage
    from taskguard.service.kept import RunningStack
    from taskguard.service.stack import Stack
    from taskguard.targets.base import Endpoint
    from taskguard.testing.pipeline import Pipeline
    from taskguard.testing.shared_engine import SharedEngine

_ON_OR_OFF = {"on": True, "off": False}
_FOLDER = pytest.StashKey[Path]()
_OWNER = pytest.StashKey[int]()
_PASSED = pytest.StashKey[bool]()
_ABOUT = pytest.StashKey[str]()


def _one_of(*names: str) -> Callable[[str], str]:
    def choose(text: str) -> str:
        if text not in names:
            raise ValueError(f"it is none of {', '.join(names)}")
        return text

    return choose


@dataclass(frozen=True, slots=True)
class _Setting:
    """What can be asked for on the command line, and in the project's configuration with underscores."""

    help: str
    read: Callable[[str], Any] = str
    default: Any = None


_SETTINGS = {
    "service": _Setting("the folder of the service (default: pytest's root folder)"),
    "target": _Setting("; ".join(f"{name}: {what}" for name, what in HELP.items()), TargetName, TargetName.LOCALSTACK),
    "endpoint-url": _Setting("the engine's address, for the target endpoint"),
    "region": _Setting(f"the AWS region (default: the one that the service names, or {DEFAULT_REGION})"),
    "stage": _Setting(
        "the stage to deploy and test (default: test; on an engine of others, one of the session's own); on AWS, the stage that is "
        "deployed there"
    ),
    "clock-scale": _Setting(
        "how many times as fast the engine's clock runs while the pipeline only waits (default: 1)", clock_scale, 1.0
    ),
    "sandbox": _Setting(
        "whether the service is built, and its functions run, in a sandbox: on or off (default: on for any but TaskGuard's own)",
        _one_of("on", "off"),
    ),
    "failure-seed": _Setting("seed of the failure simulation, which makes each task's fate known", default="taskguard"),
    "failure-rate": _Setting("how often an attempt is made to fail (default: 0.3)", float, 0.3),
    "api-auth": _Setting(
        "who may call the API of the stage under test, where the session deploys it: none, apiKey or iam (default: serverless.yml's)",
        _one_of("none", "apiKey", "iam"),
    ),
}


def pytest_addoption(parser: pytest.Parser) -> None:
    group = parser.getgroup("taskguard", "the pipeline under test")
    for name, setting in _SETTINGS.items():
        group.addoption(f"--taskguard-{name}", help=setting.help.replace("%", "%%"))
        parser.addini(f"taskguard_{name.replace('-', '_')}", help=setting.help)
    group.addoption(
        "--taskguard-allow-production",
        action="store_true",
        help="on AWS, test a stage even if its name looks like production",
    )


def asked(config: pytest.Config, name: str) -> Any:
    """What the command line says of a setting such as ``clock-scale``, else the project's configuration, else what is usual.

    Raises:
        pytest.UsageError: when it says what cannot be.
    """
    setting = _SETTINGS[name]
    text = config.getoption(f"--taskguard-{name}")
    if text is None:
        text = config.getini(f"taskguard_{name.replace('-', '_')}") or None
    try:
        return setting.default if text is None else setting.read(text)
    except ValueError as error:
        raise pytest.UsageError(f"--taskguard-{name} {text}: {error}") from None


def places_of(config: pytest.Config) -> Places:
    """The places of the service under test: the folder is looked for from where pytest was started, or from its configuration."""
    from taskguard.places import Places

    given, root = config.getoption("--taskguard-service"), config.rootpath
    if given:
        return Places.of(config.invocation_params.dir / given)
    return Places.of(root / (config.getini("taskguard_service") or "."))


def pytest_configure(config: pytest.Config) -> None:
    given = getattr(config, "workerinput", {})
    if "taskguard_folder" in given:
        config.stash[_FOLDER] = Path(given["taskguard_folder"])
    config.stash[_OWNER] = int(given.get("taskguard_owner", os.getpid()))
    for name in _SETTINGS:
        asked(config, name)  # what is wrong with one is better missed now
    if not given:
        _look_beforehand(config)


def _look_beforehand(config: pytest.Config) -> None:
    """What is not there, or not as it should be, is said once, before any test: an engine, a stage on AWS, or the user's credentials."""
    try:
        match _target(config):
            case TargetName.RUNNING:
                _running_stack(config)
            case TargetName.ENDPOINT:
                from taskguard.targets.endpoint import ForeignEngine

                ForeignEngine(asked(config, "endpoint-url"), region=asked(config, "region") or DEFAULT_REGION).start()
            case TargetName.AWS:
                from taskguard.testing.on_aws import look_at_stage

                allowed = config.getoption("--taskguard-allow-production")
                stage, service = _stage_on_aws(config), places_of(config).service
                config.stash[_ABOUT] = look_at_stage(shared_engine_of(config), stage, service, allow_production=allowed)
    except TaskGuardError as error:
        raise pytest.UsageError(str(error)) from error


def _folder(config: pytest.Config) -> Path:
    """The session's folder, which is there once an engine was asked for."""
    if _FOLDER not in config.stash:
        stamp = f"{datetime.now(UTC):%Y%m%dT%H%M%SZ}-{os.getpid()}"
        config.stash[_FOLDER] = places_of(config).state / "tests" / stamp
    return config.stash[_FOLDER]


def pytest_report_header(config: pytest.Config) -> str | None:
    about = config.stash.get(_ABOUT, None)
    return f"taskguard: {about}" if about is not None else None


def session_engine(config: pytest.Config) -> SharedEngine | None:
    """The engine that this session started; none when it needed none, or uses somebody else's."""
    folder = config.stash.get(_FOLDER, None)
    if folder is None or not folder.exists() or _target(config) is TargetName.RUNNING:
        return None
    return shared_engine_of(config)


def _target(config: pytest.Config) -> TargetName:
    return TargetName(asked(config, "target"))


def _stage_on_aws(config: pytest.Config) -> str:
    return asked(config, "stage") or "test"


def shared_engine_of(config: pytest.Config) -> SharedEngine:
    """The session's engine, which is started when its endpoint is asked for."""
    from taskguard.service.sandboxing import is_sandboxed
    from taskguard.targets.registry import TargetOptions, make
    from taskguard.testing.shared_engine import SharedEngine

    target, folder, places = _target(config), _folder(config), places_of(config)
    options = TargetOptions(
        folder=folder,
        cache=places.cache,
        region=asked(config, "region") or DEFAULT_REGION,
        endpoint_url=asked(config, "endpoint-url"),
        owner_pid=config.stash[_OWNER],
        clock_scale=asked(config, "clock-scale") if target is TargetName.LOCALSTACK else 1.0,
        sandboxed=is_sandboxed(places.service, _ON_OR_OFF.get(asked(config, "sandbox")), target),
    )
    # On AWS nothing is deployed.
    at_home = asked(config, "region") is None and target is not TargetName.AWS
    adopted = _running_stack(config).instance if target is TargetName.RUNNING else None
    return SharedEngine(folder, places, lambda: make(target, options), adopted=adopted, at_home=at_home)


def _running_stack(config: pytest.Config) -> RunningStack:
    from taskguard.service.kept import RunningStack

    running = RunningStack.load(places_of(config))
    if running is None:
        raise pytest.UsageError(
            f"--taskguard-target running: nothing is up; start a stack with `{runnable('taskguard up')}`"
        )
    return running


@pytest.hookimpl(optionalhook=True)
def pytest_configure_node(node: Any) -> None:
    """pytest-xdist: tell a worker which session it belongs to."""
    node.workerinput["taskguard_folder"] = str(_folder(node.config))
    node.workerinput["taskguard_owner"] = os.getpid()


@pytest.hookimpl(trylast=True)  # what others find wrong at the end counts too
def pytest_sessionfinish(session: pytest.Session) -> None:
    session.config.stash[_PASSED] = session.exitstatus in (pytest.ExitCode.OK, pytest.ExitCode.NO_TESTS_COLLECTED)


def pytest_unconfigure(config: pytest.Config) -> None:
    folder = config.stash.get(_FOLDER, None)
    # Without the folder no engine was asked for.
    if hasattr(config, "workerinput") or folder is None or not folder.exists():
        return
    # What is left of a session in which all passed, nobody looks at.
    forget = config.stash.get(_PASSED, False)
    if _target(config) is TargetName.AWS:
        from taskguard.testing.on_aws import clean_up_after

        forget &= clean_up_after(folder, lambda text: print(f"taskguard: {text}", file=sys.stderr))  # noqa: T201
    shared_engine_of(config).stop(forget=forget)


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(item: pytest.Item) -> Generator[None, pytest.TestReport, pytest.TestReport]:
    report = yield
    pipeline = getattr(item, "funcargs", {}).get("pipeline")
    if report.when == "call" and report.failed and pipeline is not None and getattr(pipeline, "submitted", None):
        try:
            told = pipeline.timelines()
        except Exception as error:  # the engine may be what failed; the other tests must go on
            told = f"not to be had: {error!r}"
        report.sections.append(("what happened to the tasks", told))
        report.sections.append(("to repeat this test", f"python -m pytest {item.nodeid!r}"))
    return report


@pytest.fixture(scope="session")
def shared_engine(request: pytest.FixtureRequest) -> SharedEngine:
    """The session's engine, started when first asked for its endpoint."""
    return shared_engine_of(request.config)


@pytest.fixture(scope="session")
def endpoint(shared_engine: SharedEngine) -> Endpoint:
    """A running engine."""
    return shared_engine.endpoint()


@pytest.fixture(scope="session")
def deploy(request: pytest.FixtureRequest, shared_engine: SharedEngine) -> Callable[..., Stack]:
    """Deploy a stage of one's own to the session's engine: ``deploy("stage", failureRate="0")``."""
    if _target(request.config) is TargetName.AWS:
        pytest.skip("it deploys a stage of its own; on AWS only the stage that is deployed there is tested")

    from taskguard.service.ours import is_ours

    # Ours has a default for each of its parameters.
    always = {} if is_ours(places_of(request.config).service) else wanted_of(request.config).parameters()
    return lambda stage, **parameters: shared_engine.stack(stage, {**always, **parameters})


@pytest.fixture(scope="session")
def stack(request: pytest.FixtureRequest, endpoint: Endpoint, shared_engine: SharedEngine) -> Stack:
    """The stage under test, deployed once a session."""
    from taskguard.service.deployment import read_stack

    config = request.config
    if _target(config) is TargetName.RUNNING:
        return _running_stack(config).stack(places_of(config))
    if _target(request.config) is TargetName.AWS:
        return read_stack(endpoint, _stage_on_aws(request.config))
    return stack_on(shared_engine, config)


def stack_on(shared_engine: SharedEngine, config: pytest.Config) -> Stack:
    """The stage under test on an engine of the session's own, both of them made when they are not there."""
    from taskguard.testing.under_test import make_ready

    wanted = wanted_of(config)
    shared_engine.endpoint()
    stage = wanted.stage or shared_engine.default_stage()
    return shared_engine.stack(stage, wanted.parameters(), partial(make_ready, wanted))


def wanted_of(config: pytest.Config) -> WantedStage:
    """What is asked of the stage under test."""
    from taskguard.run.stages import WantedStage

    return WantedStage(
        places=places_of(config),
        stage=asked(config, "stage"),
        seed=asked(config, "failure-seed") or None,
        rate=asked(config, "failure-rate"),
        api_auth=asked(config, "api-auth"),
    )


@pytest.fixture(scope="session")
def run(request: pytest.FixtureRequest, endpoint: Endpoint, stack: Stack, shared_engine: SharedEngine) -> Run:
    """The stage under test, with what is expected of it."""
    from taskguard.testing.under_test import run_of

    config = request.config
    if _target(config) is TargetName.AWS:
        from taskguard.testing.on_aws import run_on

        return run_on(endpoint, stack, places_of(config).service)
    return run_of(
        wanted_of(config),
        endpoint,
        stack,
        is_shared=_target(config) is TargetName.RUNNING,
        # Each process of the session learns by itself.
        seed=f"{shared_engine.folder.name}-{os.getpid()}",
    )


@pytest.fixture
def pipeline(request: pytest.FixtureRequest, run: Run, shared_engine: SharedEngine) -> Iterator[Pipeline]:
    """The stage under test, and tasks whose fate is known."""
    from taskguard.service.config import config_of
    from taskguard.testing.fates import Fates
    from taskguard.testing.pipeline import Pipeline, own_name

    # Unique to this execution of this test, so that a stack that stays can be tested again.
    nonce = sha256(f"{request.node.nodeid}:{shared_engine.folder.name}:{os.getpid()}".encode()).hexdigest()[:6]
    pipeline = Pipeline(
        run=run.from_now(),
        prefix=f"{own_name(request.node.name)}-{nonce}",
        folder=shared_engine.folder / "histories",
        shared=hasattr(request.config, "workerinput")
        or _target(request.config) in (TargetName.AWS, TargetName.RUNNING),
        arranged=Fates(
            run, config_of(places_of(request.config).service).failure_rate, partial(shared_engine.alone, "consumers")
        ),
    )
    if _target(request.config) is TargetName.AWS:
        from taskguard.testing.on_aws import ledger_in

        pipeline.client.note = ledger_in(shared_engine.folder, run).add
    yield pipeline
    pipeline.fates.close()


@pytest.fixture
def faults(request: pytest.FixtureRequest, endpoint: Endpoint) -> Iterator[Callable[..., Plan]]:
    """Break something on purpose until the test ends: ``faults("kill when=after call=UpdateItem task=t-1")`` on the stage
    under test, or ``faults("…", stack=…)`` on another. The seed that decides what a rate strikes is printed, and comes from the
    test's name; ``seed=`` names another. What is answered is the plan."""
    from taskguard.faults.plan import Plan, parse
    from taskguard.run.injecting.handing_over import injecting
    from taskguard.service.config import config_of

    if _target(request.config) not in (TargetName.LOCALSTACK, TargetName.RUNNING):
        pytest.skip("faults are injected by the engine of ours alone (--taskguard-target localstack)")
    with ExitStack() as handed_over:

        def break_on_purpose(lines: str, *, stack: Stack | None = None, seed: str | None = None) -> Plan:
            plan = Plan(seed=seed or request.node.name, faults=parse(lines))
            where = stack or request.getfixturevalue("stack")
            # Of the stage under test more may have been learnt than is stated.
            words = config_of(places_of(request.config).service) if stack else request.getfixturevalue("run")
            print(f"faults with seed {plan.seed!r}: {lines.strip()}")  # noqa: T201  # shown when the test fails
            handed_over.enter_context(injecting(endpoint, where, plan, words.dialect))
            return plan

        yield break_on_purpose
