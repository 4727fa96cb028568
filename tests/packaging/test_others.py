"""Services that are not ours, packaged as they are by the CLI that TaskGuard brings along: without a byte of theirs changed."""

from __future__ import annotations

import json
import shutil
import sys
import zipfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, NoReturn

import pytest
from taskguard.errors import DeploymentError
from taskguard.places import Places, cache_folder
from taskguard.service.deployers.base import Job
from taskguard.service.deployers.publishing import CODE_BUCKET
from taskguard.service.deployers.serverless import theirs
from taskguard.service.deployers.serverless.cli import serverless_cli
from taskguard.service.deployers.serverless.publishing import Package
from taskguard.service.files import digest_of
from taskguard.targets.base import Endpoint

HERE = Path(__file__).parent / "others"
ENGINE = Endpoint(target="localstack", url="http://127.0.0.1:1", region="eu-central-1")


@pytest.fixture
def places(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Places:
    """Nothing is kept there but the CLI."""
    cli = serverless_cli(cache_folder())
    for module in ("calls", "theirs"):
        monkeypatch.setattr(f"taskguard.service.deployers.serverless.{module}.serverless_cli", lambda _: cli)
    monkeypatch.setattr("taskguard.service.deployers.serverless.calls.python_with_pip", lambda _: Path(sys.executable))
    service = tmp_path / "service"
    return Places(service=service, cache=tmp_path / "cache", state=tmp_path / "state", runs=tmp_path / "runs")


def copied(name: str, places: Places) -> None:
    shutil.copytree(HERE / name, places.service)


def job(places: Places, stage: str | None = None) -> Job:
    return Job(endpoint=ENGINE, stage=stage, places=places, log=places.state / "deploy.log")


@contextmanager
def packaged(places: Places, stage: str | None = None) -> Iterator[Package]:
    """The package, and nothing of the service has changed."""
    before = digest_of(places.service)
    with theirs.packaged(job(places, stage)) as package:
        assert digest_of(places.service) == before
        yield package


def template_of(package: Package) -> dict[str, Any]:
    text = (package.folder / "cloudformation-template-update-stack.json").read_text()
    return dict(json.loads(text))


def functions_of(package: Package) -> dict[str, dict[str, Any]]:
    resources = template_of(package)["Resources"].values()
    return {
        each["Properties"]["FunctionName"]: each["Properties"]
        for each in resources
        if each["Type"] == "AWS::Lambda::Function"
    }


def files_of(package: Package, archive: str) -> dict[str, bytes]:
    with zipfile.ZipFile(package.folder / archive) as packed:
        return {name: packed.read(name) for name in packed.namelist()}


def test_a_service_of_version_4_in_typescript_is_bundled_and_what_was_set_aside_is_told(
    places: Places, monkeypatch: pytest.MonkeyPatch
) -> None:
    copied("typescript", places)
    with packaged(places) as package:
        assert (package.stack_name, package.stage) == ("parcels-dev", "dev")
        submit, work = (functions_of(package)[f"parcels-dev-{name}"] for name in ("submit", "work"))
        assert submit["Environment"]["Variables"]["LIMIT"] == "5", "of `stages`, where version 4 has parameters"
        assert submit["Environment"]["Variables"]["WHERE"] == ENGINE.region, "what follows from its region agrees"
        assert submit["Code"]["S3Bucket"] == CODE_BUCKET
        assert submit["Code"]["S3Key"].startswith(f"{package.keys_below}/")
        assert not {"VpcConfig", "TracingConfig"} & work.keys()
        bundled = files_of(package, "parcels-dev-submit.zip")
        assert list(bundled) == ["src/api.js", "words/greeting.txt"]
        assert b"/parcels" in bundled["src/api.js"], "what it imports of its own is in it"
        assert b'require("@aws-sdk/client-sqs")' in bundled["src/api.js"], "what Lambda brings along is not"
    assert {each.split(":")[0] for each in package.set_aside} == {
        "frameworkVersion 4",
        "org, app",
        "stages.prod",
        "plugin serverless-offline",
        "provider.profile somebody",
        "provider.region us-east-2",
        "provider.deploymentBucket",
        "provider.tracing",
        "vpc of the function work",
        "2 functions without a plugin that bundles",
    }

    def called(*_: object, **__: object) -> NoReturn:
        raise AssertionError("it is kept")

    monkeypatch.setattr("taskguard.service.deployers.serverless.theirs.call", called)
    with packaged(places) as again:
        assert again.set_aside == package.set_aside
        assert files_of(again, "parcels-dev-submit.zip") == bundled


def test_what_lies_behind_variables_is_seen_once_they_are_resolved(places: Places) -> None:
    copied("behind-variables", places)
    with packaged(places) as package:
        assert (package.stack_name, package.stage) == ("letters-staging", "staging")
        assert functions_of(package)["letters-staging-work"]["Handler"] == "handlers/work.handler"
        names = set(files_of(package, "letters.zip"))
        assert "handlers/work.py" in names
        assert not [name for name in names if "taskguard" in name or name.startswith("serverless.")]
    assert {each.split(":")[0] for each in package.set_aside} == {
        "plugin serverless-localstack",
        "provider.profile somebody",
        "provider.vpc",
    }
    assert package.parameters == {"Colour": "red"}


def test_packages_of_a_layer_are_installed_and_a_build_step_is_run_where_a_handler_is_not_there(places: Places) -> None:
    copied("layers-and-build", places)
    with packaged(places) as package:
        layer = files_of(package, "words.zip")
        assert layer["nodejs/node_modules/greeting/index.js"] == b"module.exports = 'hello';\n"
        assert "dist/work.js" in files_of(package, "cards.zip")
        [told] = [each for each in package.set_aside if "npm run build" in each]
        assert "dist/work.handler was not there" in told


def test_plugins_find_what_version_3_gives_them_and_what_they_do_at_a_deploy_is_known(places: Places) -> None:
    copied("plugins", places)
    with packaged(places) as package:
        # By provider.sdk, which the CLI of today has no more.
        assert functions_of(package)["seeds-dev-work"]["Environment"]["Variables"] == {"SDK": "2", "PLACE": ENGINE.url}
        assert package.at_deploy == ("./plugins/sows.js (after:deploy:deploy)",)
        assert package.set_aside == ("plugin ./plugins/fails.js: taskguard.toml says so",)


@pytest.mark.parametrize("ending", ["json", "cjs", "mjs", "js", "ts"])
def test_a_configuration_may_be_of_any_kind(places: Places, ending: str) -> None:
    configuration = {
        "service": "notes",
        "frameworkVersion": "3",
        "provider": {"name": "aws", "runtime": "python3.13", "stage": "qa"},
        "functions": {"work": {"handler": "work.handler"}},
    }
    starts = {"json": "", "cjs": "module.exports = "}
    places.service.mkdir()
    (places.service / "package.json").write_text('{"type": "module"}')
    (places.service / f"serverless.{ending}").write_text(
        starts.get(ending, "export default ") + json.dumps(configuration)
    )
    (places.service / "work.py").write_text("def handler(event, context): ...\n")
    with packaged(places, "mine") as package:
        assert (package.stack_name, list(functions_of(package))) == ("notes-mine", ["notes-mine-work"])


def test_a_build_that_fails_is_told_by_its_end_and_by_the_file_that_has_all_of_it(places: Places) -> None:
    copied("layers-and-build", places)
    manifest = {
        "name": "cards",
        "private": True,
        "scripts": {"build": "seq 1 40 && echo it does not compile && exit 2"},
    }
    (places.service / "package.json").write_text(json.dumps(manifest))
    before = digest_of(places.service)
    with pytest.raises(DeploymentError) as failed, packaged(places):
        pass
    log = places.state / "deploy.log"
    assert "building the service with `npm run build` at http://127.0.0.1:1 failed. The end of what it said:" in str(
        failed.value
    )
    assert "it does not compile" in str(failed.value)
    assert "\n  7\n" not in str(failed.value)
    assert f"All of it is in {log}." in str(failed.value)
    assert "\n7\n" in log.read_text()
    assert digest_of(places.service) == before


def test_packages_that_cannot_be_installed_are_told_so_with_the_log(places: Places) -> None:
    copied("typescript", places)
    (places.service / "package.json").write_text('{"name": "parcels", "dependencies": {"paper": "file:./paper"}}')
    (places.service / "package-lock.json").write_text('{"name": "parcels", "lockfileVersion": 3, "packages": {"": {}}}')
    with pytest.raises(DeploymentError) as failed, packaged(places):
        pass
    assert "installing the packages of service with `npm ci`" in str(failed.value)
    assert f"All of it is in {places.state / 'deploy.log'}." in str(failed.value)


def test_a_default_stage_that_cannot_be_packaged_is_told_with_the_log(places: Places) -> None:
    copied("behind-variables", places)
    (places.service / "provider.yml").write_text("name: aws\nruntime: ${file(nothing.yml):runtime}\n")
    with pytest.raises(DeploymentError) as failed, packaged(places):
        pass
    assert "`serverless package` at http://127.0.0.1:1 failed. The end of what it said:\n" in str(failed.value)
    assert "name another with --stage" in str(failed.value)
    log = places.state / "deploy.log"
    assert f"All of it is in {log}." in str(failed.value)
    assert "provider.runtime" in log.read_text()
