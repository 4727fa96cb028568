"""`taskguard.toml` beside a service names its contract and states its words; without one, what the stack says is demanded."""

from __future__ import annotations

from pathlib import Path

import pytest
from taskguard.contract.dialect import LOG, RECORD, TASKGUARD, Dialect, MessageWords
from taskguard.contract.draws import Draws
from taskguard.contract.files import built_in
from taskguard.contract.tolerances import ON_AWS, Tolerances
from taskguard.errors import ConfigurationError
from taskguard.service.config import config_of, terms_of
from taskguard.service.stack import Choices

from tests.places import PROJECT


def written(folder: Path, text: str) -> Path:
    (folder / "taskguard.toml").write_text(text)
    return folder


def test_our_service_is_judged_by_its_contract_in_its_words() -> None:
    terms = terms_of(PROJECT, Draws())
    assert (terms.contract, terms.dialect) == (built_in("taskguard"), TASKGUARD)


def test_without_a_file_a_service_is_judged_by_what_it_deploys_and_no_word_of_its_is_known(tmp_path: Path) -> None:
    terms = terms_of(tmp_path, Draws())
    assert (terms.contract, terms.dialect) == (built_in("as-deployed"), Dialect())
    assert (terms.tolerances, terms.draws) == (Tolerances(), Draws())
    assert terms_of(tmp_path, Draws(seed="s"), ON_AWS).tolerances == ON_AWS


def test_a_contract_in_a_file_is_found_from_the_services_folder(tmp_path: Path) -> None:
    (tmp_path / "assignment.toml").write_text("[attempts]\nmost = 2\n")
    assert terms_of(written(tmp_path, 'contract = "assignment.toml"'), Draws()).contract.attempts.most == 2


def test_a_contract_that_is_given_holds_whatever_the_service_names(tmp_path: Path) -> None:
    folder = written(tmp_path, 'contract = "../not-here.toml"')
    assert terms_of(folder, Draws(), contract=built_in("taskguard")).contract == built_in("taskguard")
    with pytest.raises(ConfigurationError, match="not-here"):
        terms_of(folder, Draws())


def test_what_is_stated_of_record_and_log_is_all_that_is_known(tmp_path: Path) -> None:
    text = """
[record]
key = "id"
status = "state"
completed = ["Processed", "Skipped"]
dead = ["Failed"]
[log]
event = "eventType"
value = "DLQ_MESSAGE"
task_id = "id"
"""
    dialect = config_of(written(tmp_path, text)).dialect
    assert dialect.record is not None
    assert dialect.log is not None
    assert (dialect.record.key, dialect.finals) == ("id", ("Processed", "Skipped", "Failed"))
    assert (dialect.record.payload, dialect.record.tells_of_attempts, dialect.trail) == (None, False, None)
    assert (dialect.log.value, dialect.log.name_of("task_id"), dialect.log.name_of("payload")) == (
        "DLQ_MESSAGE",
        "id",
        None,
    )


def test_what_is_stated_stands_beside_the_dialect_that_is_named(tmp_path: Path) -> None:
    text = 'dialect = "taskguard"\n[record]\nkey = "id"\n[log]\nvalue = "DEAD"\n'
    dialect = config_of(written(tmp_path, text)).dialect
    assert dialect.record is not None
    assert dialect.log is not None
    assert (dialect.record.key, dialect.record.moves) == ("id", RECORD.moves)
    assert (dialect.log.value, dialect.log.task_id) == ("DEAD", LOG.task_id)


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ('contarct = "taskguard"', 'unknown key "contarct"; did you mean "contract"?'),
        ("[service]\nstage = 1", "[service] stage: expected a string, found 1"),
        ("contract = 3", "contract: expected a string, found 3"),
        ('dialect = "taskgard"', 'dialect: there is no "taskgard"; did you mean "taskguard"?'),
        ('[record]\nkey = "id"', "record: Object missing required field status"),
        ('[record]\nstatuss = "s"', 'record: unknown key "statuss"; did you mean "status"?'),
        ('[log]\nevent = 1\nvalue = "x"', "[log] event: expected a string, found 1"),
        ('dialect = "taskguard"\n[record]\ncompleted = []', "completed has one state or more"),
        ('dialect = "taskguard"\n[record]\ncompleted = ["DEAD_LETTER"]', "none that is dead, too"),
        ("contract =", "it is no TOML: "),
    ],
)
def test_a_mistake_is_named_with_its_file_and_place(tmp_path: Path, text: str, words: str) -> None:
    with pytest.raises(ConfigurationError) as raised:
        config_of(written(tmp_path, text))
    assert f"Reading {tmp_path / 'taskguard.toml'}: " in str(raised.value)
    assert words in str(raised.value)


def test_a_contract_that_is_not_there_is_named(tmp_path: Path) -> None:
    with pytest.raises(ConfigurationError, match=r"the contract none\.toml: it is not built in"):
        terms_of(written(tmp_path, 'contract = "none.toml"'), Draws())


def test_what_the_service_is_made_of_and_how_tasks_are_handed_in_is_stated(tmp_path: Path) -> None:
    text = """
[service]
work_queue = "Jobs"
table = "Things"
environment = { RATE = "0.4" }
stage = "local"
[ingress]
route = "POST /v1/jobs"
body = '{"question": "${text}"}'
accepted = [200]
id = "answer"
id_field = "job"
[message]
id = "job"
payload = "question"
"""
    config = config_of(written(tmp_path, text))
    assert config.choices == Choices(work_queue="Jobs", table="Things", route="POST /v1/jobs", records=False)
    assert (config.environment, config.stage) == ({"RATE": "0.4"}, "local")
    assert (config.dialect.ingress.takes(200), config.dialect.ingress.takes(201)) == (True, False)
    assert config.dialect.message == MessageWords(id="job", payload="question")


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ('[service]\nworkqueue = "q"', 'service: unknown key "workqueue"; did you mean "work_queue"?'),
        ('[service]\nroute = "POST /x"', 'service: unknown key "route"'),
        ("[ingress]\nroute = 1", "[ingress] route: expected a string, found 1"),
        (
            '[ingress]\nroute = "tasks"',
            'route: expected a method and a path, as "POST /tasks", or "queue", found "tasks"',
        ),
        ('[ingress]\nheaders = { A = "${x}" }', "headers.A: there is no ${x}; there is id"),
        ('[ingress]\nbody = "{}"', "body has no ${id}"),
        ('[message]\nids = "x"', 'message: unknown key "ids"; did you mean "id"?'),
    ],
)
def test_a_mistake_in_a_table_of_the_service_is_named(tmp_path: Path, text: str, words: str) -> None:
    with pytest.raises(ConfigurationError) as raised:
        config_of(written(tmp_path, text))
    assert words in str(raised.value)
