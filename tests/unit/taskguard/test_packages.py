"""Packages that are kept: found again when all that goes into them is the same, made anew when anything is not."""

import os
import shutil
import threading
from collections.abc import Callable, Mapping
from concurrent.futures import Future, ThreadPoolExecutor
from pathlib import Path

import pytest
from taskguard.service.deployers.serverless import packages
from taskguard.service.deployers.serverless.packages import MOST_KEPT, Packages, key_of

FILES = ("serverless.yml", "handlers")


@pytest.fixture
def service(tmp_path: Path) -> Path:
    service = tmp_path / "service"
    (service / "handlers" / "__pycache__").mkdir(parents=True)
    (service / "serverless.yml").write_text("service: one")
    (service / "handlers" / "work.py").write_text("work = 1")
    (service / "README.md").write_text("not deployed")
    return service


def key(
    service: Path,
    stage: str = "dev",
    region: str = "eu-west-1",
    host: str | None = "127.0.0.1",
    environment: Mapping[str, str] | None = None,
    **parameters: str,
) -> str:
    return key_of(service, FILES, stage, region, parameters, host=host, environment=environment or {})


def test_what_is_not_deployed_does_not_count(service: Path) -> None:
    before = key(service)
    (service / "README.md").write_text("otherwise")
    (service / "handlers" / "__pycache__" / "work.pyc").write_text("compiled")
    assert key(service) == before


@pytest.mark.parametrize(
    "change",
    [
        lambda s: (s / "serverless.yml").write_text("service: two"),
        lambda s: (s / "handlers" / "work.py").write_text("work = 2"),
        lambda s: (s / "handlers" / "more.py").write_text(""),
        lambda s: (s / "handlers" / "work.py").rename(s / "handlers" / "rest.py"),
        lambda s: (s / "handlers" / "work.py").unlink(),
    ],
)
def test_every_file_counts(service: Path, change: Callable[[Path], object]) -> None:
    before = key(service)
    change(service)
    assert key(service) != before


def test_stage_region_place_and_parameters_count(service: Path) -> None:
    keys = [
        key(service),
        key(service, stage="qa"),
        key(service, region="eu-west-2"),
        key(service, host=None),
        key(service, host="engine.example"),
        key(service, rate="0"),
        key(service, rate="1"),
    ]
    assert len(set(keys)) == len(keys)
    assert key(service, a="1", b="2") == key(service, b="2", a="1")


@pytest.mark.parametrize(
    ("file", "text"),
    [
        ("serverless.yml", "limit: ${env:LIMIT}"),
        ("serverless.yml", "limit: ${opt:limit, env:LIMIT, 'none'}"),
        ("handlers/plugin.js", "module.exports = () => process.env.LIMIT"),
        ("handlers/plugin.js", "module.exports = process.env['LIMIT'] || process.env[\"OTHER\"]"),
        ("handlers/plugin.js", "const { OTHER, LIMIT: limit = 1 } = process.env;"),
    ],
)
def test_of_the_environment_what_the_files_name_counts_and_nothing_else(service: Path, file: str, text: str) -> None:
    (service / file).write_text(text)
    keys = [key(service, environment=each) for each in ({}, {"LIMIT": ""}, {"LIMIT": "1"}, {"LIMIT": "2"})]
    assert len(set(keys)) == len(keys)
    passing = {"PWD": "/here", "AWS_ENDPOINT_URL": "http://127.0.0.1:4566", "limit_of": "1", "env": "1", "process": "1"}
    assert key(service, environment=passing) == keys[0]
    assert key(service, environment=passing | {"LIMIT": "2"}) == keys[-1]


def test_where_a_name_is_computed_all_of_the_environment_counts(service: Path) -> None:
    (service / "serverless.yml").write_text("limit: ${env:${opt:stage}_LIMIT}")
    assert key(service, environment={"dev_LIMIT": "1"}) != key(service, environment={"dev_LIMIT": "2"})


class Maker:
    """Makes packages, and counts them."""

    def __init__(self, complete: bool = True) -> None:
        self.made = 0
        self._complete = complete
        self._counting = threading.Lock()

    def __call__(self, place: Path) -> None:
        with self._counting:
            self.made += 1
        (place / "TaskGuard.zip").write_text(f"package {self.made}")
        (place / "requirements").mkdir()
        if self._complete:
            (place / "serverless-state.json").write_text("{}")


def place(folder: Path, name: str) -> Path:
    place = folder / name
    place.mkdir()
    return place


def test_a_package_is_made_once(tmp_path: Path) -> None:
    make, kept = Maker(), Packages(tmp_path / "kept")
    for name in ("first", "second"):
        where = place(tmp_path, name)
        kept.get("a-key", make, where)
        assert (where / "TaskGuard.zip").read_text() == "package 1"
        assert (where / "serverless-state.json").exists()
    kept.get("another-key", make, place(tmp_path, "third"))
    assert make.made == 2


def test_of_many_who_want_it_at_once_one_makes_it(tmp_path: Path) -> None:
    make = Maker()
    with ThreadPoolExecutor(8) as pool:
        list(pool.map(lambda n: Packages(tmp_path / "kept").get("k", make, place(tmp_path, str(n))), range(8)))
    assert make.made == 1
    assert {(tmp_path / str(n) / "TaskGuard.zip").read_text() for n in range(8)} == {"package 1"}


def test_one_that_is_not_complete_is_not_kept(tmp_path: Path) -> None:
    make, kept = Maker(complete=False), Packages(tmp_path / "kept")
    for name in ("first", "second"):
        kept.get("k", make, place(tmp_path, name))
    assert make.made == 2


def test_what_has_not_been_used_for_longest_is_forgotten(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(packages, "MOST_KEPT", 2)
    make, kept = Maker(), Packages(tmp_path / "kept")
    for number in range(2):
        kept.get(f"k{number}", make, place(tmp_path, f"first-{number}"))
        os.utime(tmp_path / "kept" / f"k{number}", (number, number))
    kept.get("k0", make, place(tmp_path, "used-again"))
    kept.get("k2", make, place(tmp_path, "a-new-one"))
    assert sorted(f.name for f in (tmp_path / "kept").iterdir() if f.is_dir()) == ["k0", "k2"]
    assert MOST_KEPT > 2


def test_a_package_that_is_made_again_while_it_is_forgotten_is_still_made_by_one_alone(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(packages, "MOST_KEPT", 1)
    remove, begun, go_on = shutil.rmtree, threading.Event(), threading.Event()
    kept, make = Packages(tmp_path / "kept"), Maker()
    kept.get("old", make, place(tmp_path, "first"))
    os.utime(tmp_path / "kept" / "old", (0, 0))

    def slowly(folder: Path) -> None:
        begun.set()
        assert go_on.wait(10)
        make(folder)

    with ThreadPoolExecutor(2) as pool:
        again: list[Future[None]] = []

        def removed(folder: Path, *, ignore_errors: bool) -> None:
            remove(folder, ignore_errors=ignore_errors)
            again.append(pool.submit(kept.get, "old", slowly, place(tmp_path, "again")))
            assert begun.wait(10)

        monkeypatch.setattr(shutil, "rmtree", removed)
        kept.get("new", make, place(tmp_path, "second"))
        monkeypatch.setattr(shutil, "rmtree", remove)
        another = pool.submit(kept.get, "old", make, place(tmp_path, "third"))
        try:
            with pytest.raises(TimeoutError):
                another.result(0.1)
        finally:
            go_on.set()
        for each in (*again, another):
            each.result(10)
    assert make.made == 3
