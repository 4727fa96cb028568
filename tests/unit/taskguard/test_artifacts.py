"""What is built of functions and layers before they are deployed, and what is deployed as it is."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

import pytest
from taskguard.errors import DeploymentError
from taskguard.places import Places
from taskguard.service.building import View
from taskguard.service.deployers import artifacts, dependencies
from taskguard.service.deployers.artifacts import Builder, lay
from taskguard.service.deployers.base import Job
from taskguard.service.deployers.templates import Template
from taskguard.service.deployers.wheels import Fetched
from taskguard.targets.base import Endpoint


@dataclass
class Ran:
    """The programs that were run, and what they leave: a file beside where they install to."""

    commands: list[list[str]] = field(default_factory=list)
    environments: list[Mapping[str, str]] = field(default_factory=list)

    def run(
        self, _job: Job, command: Sequence[str], folder: Path, environment: Mapping[str, str], _what: str, **_: object
    ) -> None:
        self.commands.append(list(command))
        self.environments.append(environment)
        if "--target" in command:
            Path(command[command.index("--target") + 1], "package.py").touch()
        elif command[0] == "npm":
            (folder / "node_modules" / "left-pad").mkdir(parents=True)
            (folder / "node_modules" / "left-pad" / "index.js").touch()
        elif command[0] == "make":
            Path(environment["ARTIFACTS_DIR"], "bootstrap").touch()


@pytest.fixture
def ran(monkeypatch: pytest.MonkeyPatch) -> Ran:
    here = Ran()
    monkeypatch.setattr(artifacts, "run", here.run)
    monkeypatch.setattr(dependencies, "run", here.run)
    return here


Built = Callable[..., list[str]]


@pytest.fixture
def built(tmp_path: Path, ran: Ran) -> Built:
    """The names of the files that are deployed of a function with these properties, whose folder has these files."""
    places = Places(service=tmp_path, cache=tmp_path / "cache", state=tmp_path / "state", runs=tmp_path / "runs")
    job = Job(endpoint=Endpoint(target="t", url="http://127.0.0.1:1", region="r"), stage="s", places=places)

    def build(files: Mapping[str, str], kind: str = "AWS::Serverless::Function", **resource: object) -> list[str]:
        source = tmp_path / "source"
        for name, text in files.items():
            (source / name).parent.mkdir(parents=True, exist_ok=True)
            (source / name).write_text(text)
        template: Template = {"Resources": {"F": {"Type": kind, "Properties": {}, **resource}}, **TEMPLATE}
        scratch = tmp_path / f"built-{len(list(tmp_path.iterdir()))}"
        folder = Builder(job, scratch).built(template)("F", source)
        return sorted(each.relative_to(folder).as_posix() for each in folder.rglob("*") if each.is_file())

    return build


TEMPLATE: Template = {
    "Parameters": {"Runtime": {"Default": "python3.13"}, "Stage": {"Default": "dev"}, "Given": {}},
    "Mappings": {"Runtimes": {"dev": {"worker": "python3.13"}}},
}
PYTHON = {"Properties": {"Runtime": "python3.13"}}
NODE = {"Properties": {"Runtime": "nodejs20.x"}}
PACKAGE = '{"dependencies": {"left-pad": "1"}}'


@pytest.mark.parametrize(
    ("files", "resource"),
    [
        ({"app.py": ""}, PYTHON),
        ({"app.py": "", "requirements.txt": "# nothing\n\n"}, PYTHON),
        ({"app.js": "", "package.json": '{"devDependencies": {"jest": "1"}}'}, NODE),
        ({"app.py": "", "requirements.txt": "x"}, PYTHON | {"Metadata": {"SkipBuild": True}}),
        ({"app.rb": "", "Gemfile": "x"}, {"Properties": {"Runtime": "ruby3.3"}}),
    ],
    ids=["no requirements", "empty requirements", "for development alone", "skipped", "another language"],
)
def test_what_has_no_dependencies_is_deployed_as_it_is(
    built: Built, ran: Ran, files: dict[str, str], resource: dict[str, object]
) -> None:
    assert built(files, **resource) == sorted(files)
    assert ran.commands == []


def test_packages_of_python_lie_beside_the_function(built: Built, ran: Ran) -> None:
    files = {"app.py": "", "requirements.txt": "requests==2\n"}
    assert built(files, **PYTHON) == ["app.py", "package.py", "requirements.txt"]
    assert built(files, **PYTHON) == ["app.py", "package.py", "requirements.txt"]
    assert len(ran.commands) == 1, "they are kept"


def test_a_build_cannot_change_the_packages_that_others_get(tmp_path: Path) -> None:
    kept, first, second = tmp_path / "kept", tmp_path / "first", tmp_path / "second"
    kept.mkdir()
    (kept / "package.py").write_text("kept")
    lay(kept, first)
    with (first / "package.py").open("a") as file:
        file.write(", and changed")
    lay(kept, second)
    assert (second / "package.py").read_text() == "kept"


@pytest.mark.parametrize(
    "runtime",
    [
        {"Ref": "Runtime"},
        {"Fn::FindInMap": ["Runtimes", "dev", "worker"]},
        {"Fn::FindInMap": ["Runtimes", {"Ref": "Stage"}, "worker"]},
    ],
)
def test_a_runtime_may_be_a_parameter_s_or_stand_in_a_mapping(built: Built, runtime: object) -> None:
    files = {"app.py": "", "requirements.txt": "requests==2\n"}
    assert "package.py" in built(files, Properties={"Runtime": runtime})


@pytest.mark.parametrize(
    "runtime", [{"Ref": "Given"}, {"Ref": "None"}, {"Fn::FindInMap": ["Runtimes", "qa", "worker"]}, {"Fn::Sub": "x"}, 3]
)
def test_nothing_is_built_for_a_runtime_that_is_not_known_before_the_deploy(built: Built, runtime: object) -> None:
    assert "package.py" not in built({"requirements.txt": "requests==2\n"}, Properties={"Runtime": runtime})


def test_packages_of_node_are_installed_without_their_scripts(built: Built, ran: Ran) -> None:
    files = {"app.js": "", "package.json": PACKAGE, "package-lock.json": "{}"}
    assert built(files, **NODE) == ["app.js", "node_modules/left-pad/index.js", "package-lock.json", "package.json"]
    [command] = ran.commands
    assert command[:3] == ["npm", "ci", "--ignore-scripts"]
    assert "--omit=dev" in command


@pytest.mark.parametrize(
    ("method", "files", "expected"),
    [
        ("python3.13", {"requirements.txt": "x"}, ["python/package.py", "python/requirements.txt"]),
        ("nodejs20.x", {"package.json": PACKAGE}, ["nodejs/node_modules/left-pad/index.js"]),
        (None, {"requirements.txt": "x"}, ["requirements.txt"]),
    ],
)
def test_a_layer_is_built_into_its_runtimes_folder_where_it_says_for_which(
    built: Built, method: str | None, files: dict[str, str], expected: list[str]
) -> None:
    metadata = {"Metadata": {"BuildMethod": method}} if method else {}
    assert built(files, "AWS::Serverless::LayerVersion", **metadata) == expected


def test_a_makefile_builds_what_it_wants(built: Built, ran: Ran) -> None:
    assert built({"Makefile": ""}, Metadata={"BuildMethod": "makefile"}) == ["bootstrap"]
    assert ran.commands == [["make", "build-F"]]


def test_typescript_is_bundled_as_the_metadata_says(built: Built, ran: Ran, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(artifacts, "esbuild_of_ours", lambda _: Path("/node_modules/.bin/esbuild"))
    properties = {
        "EntryPoints": ["src/app"],
        "External": ["@aws-sdk/*"],
        "Minify": False,
        "Format": "esm",
        "Sourcemap": True,
    }
    built({"src/app.ts": ""}, Metadata={"BuildMethod": "esbuild", "BuildProperties": properties})
    [command] = ran.commands
    assert command[:3] == ["/node_modules/.bin/esbuild", "--bundle", "--platform=node"]
    assert command[4:] == ["src/app.ts", "--sourcemap", "--target=es2020", "--format=esm", "--external:@aws-sdk/*"]
    with pytest.raises(DeploymentError, match="no EntryPoints"):
        built({"src/app.ts": ""}, Metadata={"BuildMethod": "esbuild"})


def test_what_sam_has_built_is_deployed_as_it_is(built: Built, ran: Ran) -> None:
    files = {"bootstrap": "", "Makefile": "build-F:"}
    resource = {"Metadata": {"BuildMethod": "makefile", "SamResourceId": "F"}}
    assert built(files, Properties={"Runtime": "provided.al2023"}, **resource) == ["Makefile", "bootstrap"]
    assert ran.commands == []


@pytest.mark.parametrize("runtime", ["provided.al2023", "java21"])
def test_a_way_of_building_that_is_not_known_is_refused_of_what_could_run(built: Built, runtime: str) -> None:
    resource = {"Properties": {"Runtime": runtime}, "Metadata": {"BuildMethod": "go1.x"}}
    if runtime == "java21":
        # It does not run here anyhow, and the rest of the service may.
        assert built({"main.go": ""}, **resource) == ["main.go"]
        return
    with pytest.raises(
        DeploymentError, match=r"BuildMethod: go1\.x, .* `sam build` and grade the folder \.aws-sam/build"
    ):
        built({"main.go": ""}, **resource)


def test_a_makefile_finds_python_and_what_it_asks_pip_for_in_a_sandbox(
    tmp_path: Path, ran: Ran, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked: list[list[str]] = []

    def fetched(_job: Job, requirements: Sequence[Path], **_: object) -> Fetched:
        asked.append([each.name for each in requirements])
        return Fetched({"PIP_NO_INDEX": "1"})

    monkeypatch.setattr(artifacts, "fetched", fetched)
    monkeypatch.setattr(artifacts, "view_of_pip", lambda *_: View())
    monkeypatch.setattr(artifacts, "python_with_pip", lambda *_: tmp_path / "with-pip" / "python")
    for name, text in {
        "Makefile": "build-F:\n\tpip install -r requirements.txt -r more-requirements.txt",
        "requirements.txt": "left",
        "more-requirements.txt": "# nothing",
        "requirements-dev.txt": "right",
    }.items():
        (tmp_path / "source").mkdir(exist_ok=True)
        (tmp_path / "source" / name).write_text(text)
    places = Places(service=tmp_path, cache=tmp_path / "cache", state=tmp_path / "state", runs=tmp_path / "runs")
    endpoint = Endpoint(target="t", url="http://127.0.0.1:1", region="r", sandboxed=True)
    template: Template = {
        "Resources": {
            "F": {
                "Type": "AWS::Serverless::Function",
                "Properties": {"Runtime": "python3.13"},
                "Metadata": {"BuildMethod": "makefile"},
            }
        }
    }
    Builder(Job(endpoint=endpoint, stage="s", places=places), tmp_path / "built").built(template)(
        "F", tmp_path / "source"
    )
    assert asked == [["requirements.txt"]]
    assert ran.environments[-1]["PATH"] == str(tmp_path / "with-pip")
    assert ran.environments[-1]["PIP_NO_INDEX"] == "1"
