"""The broken pipelines' own texts: each change applies, makes another program, and says what it is meant for."""

from __future__ import annotations

import re
from dataclasses import replace

import pytest
from taskguard.contract.draws import Fate, fate
from taskguard.judging.checks import CHECKS

from tests.change import Change
from tests.mutants.listing import TABLES, needs
from tests.mutants.loads import BACKLOG, FATES, RATE, SEED, Load, as_they_come
from tests.mutants.variants import OURS, VARIANTS, FromLogs, broken_service
from tests.places import PROJECT


def test_their_changes_fit_the_service_and_make_another() -> None:
    for variant in VARIANTS:
        changed = variant.changed_files()
        assert changed, variant.name
        for file, text in changed.items():
            assert text != (PROJECT / file).read_text(), variant.name
            if file.endswith(".py"):
                compile(text, f"{variant.name}: {file}", "exec")


def test_they_name_checks_that_there_are() -> None:
    assert [variant.name for variant in VARIANTS if set(variant.caught_by) - CHECKS.keys()] == []
    assert [variant.name for variant in VARIANTS if len(set(variant.caught_by)) != len(variant.caught_by)] == []


def test_they_ask_for_a_finding_of_their_own() -> None:
    assert [v.name for v in VARIANTS if not v.message] == []
    for variant in VARIANTS:
        re.compile(variant.message)


def test_there_are_enough_and_no_two_have_one_name() -> None:
    names = [variant.name.replace(".", "-") for variant in (*VARIANTS, *OURS)]
    assert len(set(names)) == len(names)
    assert len(VARIANTS) >= 40
    assert sum(variant.real_time for variant in VARIANTS) >= 10
    # What such a name becomes part of may have 64 characters: "TaskGuard-<name>-processTask".
    assert [name for name in names if not re.fullmatch(r"[a-z][a-z0-9-]{0,41}", name)] == []


def test_every_check_has_a_variant_that_is_meant_for_it() -> None:
    # Of FIFO queues, which our service has none of, those of `tests/services` are wrong.
    assert CHECKS.keys() - {variant.meant for variant in VARIANTS} == {"order"}


def test_the_documentation_lists_them() -> None:
    documented = (PROJECT / "docs" / "mutants.md").read_text(encoding="utf-8")
    for table in TABLES:
        assert "\n".join(table()) in documented, "print the lists with `python -m tests.mutants.listing`"


def test_every_check_is_needed_for_something_that_no_other_rejects() -> None:
    _, _, *lines = needs()
    assert [line for line in lines if line.endswith("|  |  |")] == []


def test_those_without_a_believable_trail_are_unknown_from_logs() -> None:
    assert {v.name for v in VARIANTS if v.from_logs is FromLogs.UNKNOWN} >= {"no-trail", "forged-trail"}


def test_a_copy_of_the_service_has_the_change_and_all_else() -> None:
    variant = next(each for each in VARIANTS if each.name == "constant-backoff")
    with broken_service(variant) as service:
        assert (service / "handlers" / "backoff.py").read_text() == variant.changed_files()["handlers/backoff.py"]
        assert (service / "serverless.yml").read_bytes() == (PROJECT / "serverless.yml").read_bytes()
        assert (service / "serverless" / "dashboard.js").exists()
    assert not service.exists()


@pytest.mark.parametrize(("old", "times"), [("no such text", 0), ("import", 2)])
def test_a_change_that_does_not_fit_exactly_once_is_an_error(old: str, times: int) -> None:
    change = Change(file="handlers/backoff.py", old=old, new="")
    variant = replace(VARIANTS[0], name="misfit", changes=(change,))
    with pytest.raises(ValueError, match=rf"variant misfit: handlers/backoff\.py has .* {times} times, not once"):
        variant.changed_files()


def test_changes_of_one_file_add_up() -> None:
    first = Change(file="handlers/backoff.py", old="LONGEST_VISIBILITY_SECONDS = 43_200", new="LONGEST = 1")
    second = Change(file="handlers/backoff.py", old="LONGEST = 1", new="LONGEST = 2")
    text = replace(VARIANTS[0], changes=(first, second)).changed_files()["handlers/backoff.py"]
    assert "LONGEST = 2" in text


@pytest.mark.parametrize("load", [FATES, BACKLOG], ids=["fates", "backlog"])
def test_a_load_of_known_fates_has_them(load: Load) -> None:
    found = [fate(SEED, RATE, task.task_id) for task in load.of_run().tasks]
    assert found == [Fate(failures, dead=failures == 3) for failures in load.fates]


def test_a_load_as_it_comes_has_so_many_tasks_and_the_same_each_time() -> None:
    assert len(as_they_come(60).of_run().tasks) == 60
    assert as_they_come(60).of_run() == as_they_come(60).of_run()
    assert as_they_come(60, seeded=False).terms().draws.seed is None
