"""Which deployer a service has: the only one that knows a file in its folder, or the one that is named."""

from __future__ import annotations

from pathlib import Path

import pytest
from taskguard.errors import ConfigurationError, SetupError
from taskguard.service.config import DeployerName
from taskguard.service.deployers import choosing
from taskguard.service.deployers.choosing import chosen, is_there
from taskguard.service.deployers.serverless.deployer import Serverless


class Another(Serverless):
    """Goes by another file, under the same name."""

    looks_for = "other.json"

    def file_in(self, service: Path) -> str | None:
        return "other.json" if (service / "other.json").is_file() else None


@pytest.fixture
def service(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setattr(choosing, "DEPLOYERS", (Serverless(), Another()))
    return tmp_path


def test_the_only_one_that_knows_a_file_is_chosen(service: Path) -> None:
    assert not is_there(service)
    (service / "other.json").touch()
    assert is_there(service)
    assert isinstance(chosen(service), Another)


def test_a_folder_that_none_knows_is_told_with_what_is_looked_for(service: Path) -> None:
    with pytest.raises(SetupError, match=r"there is no .*serverless\.yml.*, other\.json"):
        chosen(service)


def test_of_several_the_user_decides_and_is_told_the_line(service: Path) -> None:
    for name in ("serverless.yml", "other.json"):
        (service / name).touch()
    with pytest.raises(ConfigurationError) as ambiguous:
        chosen(service)
    assert r"serverless.yml (serverless) or other.json (serverless)" in str(ambiguous.value)
    assert '--deployer serverless, or in taskguard.toml:\n  [service]\n  deployer = "serverless"' in str(
        ambiguous.value
    )


def test_what_is_named_is_taken_and_refused_where_it_knows_nothing(
    service: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(choosing, "DEPLOYERS", (Serverless(),))
    (service / "taskguard.toml").write_text('[service]\ndeployer = "serverless"\n')
    with pytest.raises(ConfigurationError, match=r"with serverless, .* there is no .*serverless\.yml"):
        chosen(service)
    (service / "serverless.yml").touch()
    assert chosen(service).name is DeployerName.SERVERLESS
    assert chosen(service, DeployerName.SERVERLESS).name is DeployerName.SERVERLESS
