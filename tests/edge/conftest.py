"""How many requests are made, and from which seed: said before the first, and with what repeats a failure."""

from __future__ import annotations

import random
from collections.abc import Generator
from typing import Any

import pytest

_SEED = pytest.StashKey[int]()


def pytest_configure(config: pytest.Config) -> None:
    given = getattr(config, "workerinput", {}).get("case_seed", config.getoption("--case-seed"))
    config.stash[_SEED] = int(given) if given is not None else random.randrange(2**32)


@pytest.hookimpl(optionalhook=True)
def pytest_configure_node(node: Any) -> None:
    """pytest-xdist: all processes of a session have the same seed."""
    node.workerinput["case_seed"] = node.config.stash[_SEED]


def pytest_report_header(config: pytest.Config) -> str:
    return f"tests/edge: about {config.getoption('--cases')} requests, made from seed {config.stash[_SEED]}"


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(item: pytest.Item) -> Generator[None, pytest.TestReport, pytest.TestReport]:
    report = yield
    if report.failed and "case_seed" in getattr(item, "fixturenames", ()):
        again = f"make test-edge CASES={item.config.getoption('--cases')} SEED={item.config.stash[_SEED]}"
        report.sections.append(("to repeat all of them", again))
    return report


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    told: dict[str, list[Any]] = {}
    for report in terminalreporter.getreports("passed"):
        for what, found in report.user_properties:
            told.setdefault(what, []).append(found)
    if told:
        requests, accepted = sum(told["requests"]), sum(told["accepted"])
        terminalreporter.write_line(
            f"{requests} requests answered as documented, {accepted} tasks of them accepted and settled"
        )
        for faults in told["faults of the engine"]:
            for fault, times in faults.items():
                terminalreporter.write_line(f"not held against the API, {times} failures: {fault}")


@pytest.fixture(scope="session")
def cases(request: pytest.FixtureRequest) -> int:
    return int(request.config.getoption("--cases"))


@pytest.fixture(scope="session")
def case_seed(request: pytest.FixtureRequest) -> int:
    return request.config.stash[_SEED]
