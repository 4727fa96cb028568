"""Services that are not ours, each graded as a careful engineer would grade it: no fault is missed, and none is invented."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest
from taskguard import session
from taskguard.places import Places
from taskguard.reports.files import write_reports
from taskguard.run.stages import Asked
from taskguard.support.sandbox.availability import sandbox_here
from taskguard.testing.plugin import asked

from tests.places import STATE
from tests.services.engines import Engines
from tests.services.expected import Expected, unmatched

HERE = Path(__file__).parent
NAMES = sorted(file.parent.name for file in HERE.glob("*/expected.toml"))
TASKS_SEED = "services"
"""The ids follow from it, and by these most services here decide which attempts fail."""


def _cases() -> list[object]:
    cases: list[object] = []
    for name in NAMES:
        expected = Expected.read(HERE / name)
        marks = [pytest.mark.in_process]
        if expected.not_yet is not None:
            marks.append(pytest.mark.xfail(reason=expected.not_yet, strict=True))
        cases.append(pytest.param(name, expected, id=name, marks=marks))
    return cases


def service_of(name: str, folder: Path) -> Path:
    """The service in a folder of its own: its files over those of the one that it is made of, and its changes to them."""
    expected, files = Expected.read(HERE / name), HERE / name / "service"
    if expected.of is not None:
        service_of(expected.of, folder)
    if files.exists():
        shutil.copytree(files, folder, dirs_exist_ok=True)
    for change in expected.changes:
        file = folder / change.file
        file.write_text(change.applied(file.read_text(encoding="utf-8")), encoding="utf-8")
    return folder


@pytest.mark.parametrize(("name", "expected"), _cases())
def test_service_is_graded_as_it_deserves(
    name: str, expected: Expected, engines: Engines, request: pytest.FixtureRequest
) -> None:
    folder = STATE / "services" / name
    shutil.rmtree(folder, ignore_errors=True)
    service = service_of(name, folder / "service") / expected.below
    scale = float(asked(request.config, "clock-scale"))
    places = Places.of(service)
    with engines.one_for(places) as region:
        graded = session.grade(
            Asked(
                places=places,
                folder=folder / "run",
                tasks=expected.tasks,
                tasks_seed=TASKS_SEED,
                clock_scale=scale,
                sandboxed=bool(sandbox_here()),
                region=region,
                redrive=expected.redrive,
            )
        )
    write_reports(graded.folder, graded.grade, graded.saved)
    differences = list(expected.differences(graded.grade))
    unsupported = tuple(map(str, graded.saved.manifest.unsupported))
    if unsupported != expected.unsupported:
        differences.append(f"the engine did not make {unsupported}, expected {expected.unsupported}")
    differences += unmatched(expected.set_aside, graded.saved.manifest.set_aside, "sentence of what was set aside")
    assert not differences, "\n".join(
        [
            f"{name}: {expected.about}",
            *differences,
            f"Look at it with `taskguard check {graded.folder}`; the service is {service}.",
            f"Repeat it with `.venv/bin/python -m pytest 'tests/services/test_services.py' -k 'test_service and {name}' "
            f"--taskguard-clock-scale {scale:g}`",
        ]
    )
