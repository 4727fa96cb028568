"""Which configuration a folder of the Serverless Framework has, and whether its package may be kept."""

from __future__ import annotations

from pathlib import Path

import pytest
from taskguard.service.deployers.serverless.configurations import NAMES, configuration_in, makes_the_same_again


@pytest.mark.parametrize("name", NAMES)
def test_a_configuration_of_any_kind_is_found(tmp_path: Path, name: str) -> None:
    assert configuration_in(tmp_path) is None
    (tmp_path / name).touch()
    assert configuration_in(tmp_path) == name


@pytest.mark.parametrize(
    ("files", "the_same"),
    [
        ({"serverless.yml": "service: a"}, True),
        ({"package.json": "{}"}, True),
        ({"package.json": '{"devDependencies": {"a": "^1"}}'}, False),
        ({"package.json": '{"dependencies": {"a": "^1"}}', "package-lock.json": "{}"}, True),
        ({"package.json": '{"dependencies": {"a": "^1"}}', "yarn.lock": ""}, True),
        ({"layers/a/nodejs/package.json": '{"dependencies": {"a": "^1"}}'}, False),
        ({"package.json": "no JSON"}, False),
        ({"config/dev.yml": "key: ${ssm:/a/b}"}, False),
        ({"serverless.yml": "key: ${opt:key, cf:other.Output}"}, False),
        ({"serverless.yml": "key: ${env:KEY, 'a'}"}, True),
        ({"serverless.yml": "plugins: [serverless-python-requirements]", "requirements.txt": "boto3\n"}, False),
        (
            {"serverless.yml": "plugins: [serverless-python-requirements]", "requirements.txt": "# x\n\nboto3==1.2\n"},
            True,
        ),
        ({"serverless.yml": "service: a", "requirements.txt": "boto3\n"}, True),
    ],
)
def test_a_package_is_kept_where_the_files_decide_what_it_is(
    tmp_path: Path, files: dict[str, str], the_same: bool
) -> None:
    for name, text in files.items():
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).write_text(text)
    assert makes_the_same_again(tmp_path) is the_same
