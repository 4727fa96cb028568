"""What a stranger's build is told and sees: registries without the user's passwords, and no file of theirs."""

from __future__ import annotations

import http.server
import json
import os
import subprocess
import sys
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest
from taskguard.errors import SandboxError
from taskguard.service.building import WITHOUT_SANDBOX, Building, Command, View, building_at
from taskguard.service.registries import registries
from taskguard.support.sandbox.availability import sandbox_here
from taskguard.targets.base import Endpoint

here = pytest.mark.skipif(not sandbox_here(), reason=f"this machine has no sandbox: {sandbox_here().missing}")

NPMRC = """\
; a comment
registry=https://packages.example.com/npm/
@ours:registry = "https://npm.pkg.github.com/"
//packages.example.com/npm/:_authToken=${MIRROR_TOKEN}
//registry.npmjs.org/:_authToken=publishes
//npm.pkg.github.com/:_authToken=${GITHUB_TOKEN}
//other.example.com/:_password=others
script-shell=/opt/shell
email=me@example.com
"""


@pytest.fixture
def home(tmp_path: Path) -> Path:
    (tmp_path / "etc").mkdir()
    (tmp_path / ".npmrc").write_text(NPMRC)
    pip = tmp_path / ".config" / "pip" / "pip.conf"
    pip.parent.mkdir(parents=True)
    pip.write_text(
        "[global]\nindex-url = https://packages.example.com/simple\nfind-links =\n  /\n  https://x.example.com\n"
    )
    uv = tmp_path / ".config" / "uv" / "uv.toml"
    uv.parent.mkdir(parents=True)
    uv.write_text('[[index]]\nurl = "https://packages.example.com/simple"\ndefault = true\npublish-url = "https://p"\n')
    return tmp_path


def test_registries_are_told_without_the_passwords_of_others(home: Path) -> None:
    environment = {
        "MIRROR_TOKEN": "reads",
        "GITHUB_TOKEN": "all",
        "AWS_SECRET_ACCESS_KEY": "secret",  # pragma: allowlist secret
        "npm_config__authToken": "own",
        "npm_config_fetch_retries": "5",
        "https_proxy": "http://proxy.example.com",
        "PIP_CERT": "/no/such/file",
    }
    told = registries(environment, home, home / "etc")
    assert told.npmrc == (
        "registry=https://packages.example.com/npm/\n"
        "@ours:registry=https://npm.pkg.github.com/\n"
        "//packages.example.com/npm/:_authToken=reads\n"
    )
    assert told.variables == {
        "PIP_INDEX_URL": "https://packages.example.com/simple",
        "PIP_FIND_LINKS": "/ https://x.example.com",
        "UV_DEFAULT_INDEX": "https://packages.example.com/simple",
        "npm_config_fetch_retries": "5",
        "https_proxy": "http://proxy.example.com",
        "PIP_CERT": "/no/such/file",
    }


def test_who_has_set_nothing_tells_nothing(tmp_path: Path) -> None:
    told = registries({"HOME": str(tmp_path)}, tmp_path, tmp_path)
    assert (told.npmrc, told.variables, told.files) == ("", {}, ())


def test_files_that_settings_name_are_seen(home: Path) -> None:
    told = registries({"NODE_EXTRA_CA_CERTS": str(home / ".npmrc")}, home, home / "etc")
    assert str(home / ".npmrc") in told.files


def test_without_a_sandbox_a_command_runs_as_any_other(tmp_path: Path) -> None:
    command = Command(words=("npm", "ci"), folder=tmp_path, environment={"A": "b"})
    assert WITHOUT_SANDBOX.building(command, View(writes=(tmp_path,))) == command
    assert WITHOUT_SANDBOX.installing(command, View(writes=(tmp_path,))) == command


@here
@pytest.mark.parametrize("url", [None, "http://engine.example.com:4566", "https://127.0.0.1"])
def test_only_an_engine_of_this_machine_is_reached_from_a_sandbox(url: str | None) -> None:
    endpoint = Endpoint(target="endpoint", url=url, region="eu-west-1")
    with (
        pytest.raises(SandboxError, match="only an engine of this machine can be reached"),
        building_at(endpoint, sandboxed=True),
    ):
        pass


@pytest.fixture
def engine() -> Iterator[str]:
    """Something that answers as an engine would."""
    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), http.server.SimpleHTTPRequestHandler) as server:
        threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01}, daemon=True).start()
        yield f"http://127.0.0.1:{server.server_port}"
        server.shutdown()


@pytest.fixture
def building(engine: str) -> Iterator[Building]:
    with building_at(Endpoint(target="localstack", url=engine, region="eu-west-1"), sandboxed=True) as building:
        yield building


def ended(command: Command) -> str:
    done = subprocess.run(
        command.words,
        cwd=command.folder,
        env=dict(command.environment),
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        check=False,
        start_new_session=True,
        timeout=60,
    )
    return done.stdout


CONFIGURATION = """\
const fs = require('fs'), os = require('os'), path = require('path'), net = require('net');
const tried = (name, what) => { try { what(); console.log(name, 'yes'); } catch (error) { console.log(name, error.code); } };
tried('credentials', () => fs.readFileSync(process.argv[2] + '/.aws/credentials'));
tried('beside', () => fs.writeFileSync(process.argv[2] + '/left', ''));
tried('system', () => fs.writeFileSync('/usr/left', ''));
tried('own', () => fs.writeFileSync('written', ''));
console.log('variables', Object.keys(process.env).sort().join());
for (const port of process.argv.slice(3)) {
    const socket = net.connect(port, '127.0.0.1');
    socket.on('connect', () => { console.log('port', 'yes'); socket.destroy(); });
    socket.on('error', (error) => console.log('port', error.code));
}
"""


@here
def test_a_configuration_in_javascript_sees_its_folder_and_the_engine_alone(
    building: Building, engine: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    home, scratch = tmp_path / "home", tmp_path / "scratch"
    (home / ".aws").mkdir(parents=True)
    (home / ".aws" / "credentials").write_text("secret")
    scratch.mkdir()
    (scratch / "serverless.js").write_text(CONFIGURATION)
    monkeypatch.setenv("HOME", str(home))
    monkeypatch.setenv("MY_SECRET", "secret")
    words = ("node", "serverless.js", str(home), engine.rpartition(":")[2], "1")
    command = building.building(
        Command(words=words, folder=scratch, environment={"STAGE": "local"}), View(writes=(scratch,))
    )
    said = ended(command)
    lines = dict(line.split(" ", 1) for line in said.splitlines() if not line.startswith("port"))
    assert lines["credentials"] == "ENOENT"
    assert lines["beside"] == "ENOENT"
    assert lines["system"] == "EROFS"
    assert lines["own"] == "yes"
    assert set(lines["variables"].split(",")) - {"LANG", "LC_ALL", "TZ", "TERM"} == {
        "HOME",
        "PATH",
        "PWD",
        "STAGE",
        "TMPDIR",
    }
    assert sorted(line for line in said.splitlines() if line.startswith("port")) == ["port ECONNREFUSED", "port yes"]
    assert not (home / "left").exists()
    assert (scratch / "written").exists()


@here
def test_an_install_sees_the_scratch_copy_and_none_of_the_users_files(
    building: Building, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    home, scratch = tmp_path / "home", tmp_path / "scratch"
    home.mkdir()
    (home / ".npmrc").write_text(NPMRC)
    scratch.mkdir()
    monkeypatch.setenv("HOME", str(home))
    monkeypatch.setenv("GITHUB_TOKEN", "secret")
    script = f"cat {home}/.npmrc; ls -A {home.parent}; env; touch here; touch {home}/left"
    said = ended(building.installing(Command(words=("sh", "-c", script), folder=scratch), View(writes=(scratch,))))
    assert "publishes" not in said
    assert "GITHUB_TOKEN" not in said
    assert "\nscratch\n" in said
    assert "home\n" not in said.replace(str(home), "")
    assert (scratch / "here").exists()
    assert not (home / "left").exists()


@here
def test_a_program_is_found_under_the_name_that_it_is_called_by(building: Building, tmp_path: Path) -> None:
    """An interpreter of a virtual environment is a link: it is seen, and the environment is not."""
    called = tmp_path / "environment" / "bin" / "python"
    called.parent.mkdir(parents=True)
    called.symlink_to(os.path.realpath(sys.executable))
    (called.parent / "other").touch()
    scratch = tmp_path / "scratch"
    scratch.mkdir()
    program = "import json, os, sys; print(json.dumps([sys.executable, os.listdir(os.path.dirname(sys.executable))]))"
    view = View(writes=(scratch,), programs=(str(called),))
    command = Command(words=("sh", "-c", f"{called} -I -c '{program}'"), folder=scratch)
    assert json.loads(ended(building.building(command, view))) == [str(called), ["python"]]
