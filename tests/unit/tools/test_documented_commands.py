"""What the pages tell a reader to type: each command and option is there, and is run by a test or marked as not run.

A block of commands that no test runs has ``<!-- not run: why -->`` above it. Of all others ``RUN`` says where each is run.
"""

from __future__ import annotations

import re
import shlex
import subprocess
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
import typer
from taskguard.cli.app import app
from taskguard.testing import plugin

from tests.places import PROJECT
from tests.unit.tools.test_documentation import PAGES

BLOCK = re.compile(
    r"^(?P<marker> *<!-- not run: .+ -->\n)?^ *```(?:sh|bash)\n(?P<text>.*?)^ *```", re.DOTALL | re.MULTILINE
)
INLINE = re.compile(r"`((?:\.venv/bin/)?(?:taskguard|make) [^`]+)`")
COMMANDS: Any = typer.main.get_command(app)
MAKEFILE = (PROJECT / "Makefile").read_text(encoding="utf-8")
# What only prepares the shell.
SHELL = {"cd", ".", "export", "cmp"}

# The beginning of a command: the file that runs it, and how it says so there.
RUN = {
    "apt-get install": (".ci/run", "apt-get install"),
    "docker compose": ("tests/docker/test_compose.py", '["docker", "compose"]'),
    "make down": (".ci/run", "make --no-print-directory down"),
    "make grade": (".ci/run", "make --no-print-directory grade"),
    "make help": ("tests/unit/tools/test_documented_commands.py", '"make", "help"'),
    "make image": (".ci/run", "make --no-print-directory image"),
    "make setup": (".github/workflows/ci.yml", "make setup"),
    "make test-docker": (".ci/run", "make --no-print-directory test-docker"),
    "make test-local": (".ci/run", "make --no-print-directory test-local"),
    "make test-mutants": (".github/workflows/ci.yml", "make test-mutants"),
    "make test-unit": ("Makefile", "-j 4 unit-beside pipeline"),
    "make up": ("tests/pipeline/test_command.py", '"up"'),
    "npx serverless": ("tests/packaging/support.py", "node_modules/.bin/serverless"),
    "pip install": ("tests/installed/conftest.py", '"pip", "install"'),
    "python -m pytest": (".ci/run", ".venv/bin/python -m pytest"),
    "python -m venv": ("Makefile", "-m venv"),
    "taskguard contract": ("tests/unit/taskguard/test_cli_contract.py", '"contract"'),
    "taskguard doctor": ("tests/installed/test_stranger.py", '"doctor"'),
    "taskguard grade": ("tests/installed/test_stranger.py", '"grade"'),
    "taskguard grade --target aws": ("tests/pipeline/test_aws_rehearsal.py", '"aws"'),
    "taskguard grade --target docker": (".ci/run", "taskguard grade --target docker"),
    "taskguard grade --target endpoint": ("tests/ministack/test_endpoint.py", '"endpoint"'),
    "taskguard gradebook": ("tests/services/test_gradebook.py", '"gradebook"'),
    "taskguard init": ("tests/unit/taskguard/test_cli_init.py", '"init"'),
    "taskguard prepare": ("tests/installed/test_stranger.py", '"prepare"'),
    "taskguard redrive": ("tests/pipeline/test_redrive.py", '"redrive"'),
    "taskguard status": ("tests/pipeline/test_command.py", '"status"'),
    "taskguard submit": ("tests/pipeline/test_command.py", '"submit"'),
    "taskguard watch": ("tests/engine/test_watch_command.py", '"watch"'),
    "taskguard up": ("tests/pipeline/test_command.py", '"up"'),
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Typed:
    """A command of a page, as its words; ``marked`` when no test runs it, ``whole`` when it may be parsed as it stands."""

    page: Path
    words: tuple[str, ...]
    marked: bool = False
    whole: bool = True

    def __str__(self) -> str:
        return f"{self.page.relative_to(PROJECT)}: {' '.join(self.words)}"


def words_of(command: str) -> tuple[str, ...]:
    """Without what is before the program: variables, and the folder of the environment."""
    command = re.sub(r"<([^<>]*)>", lambda placeholder: placeholder[1].replace(" ", "-"), command)
    words = shlex.split(command, comments=True)
    while words and re.match(r"[A-Z_]+=", words[0]):
        words.pop(0)
    if words:
        words[0] = words[0].removeprefix(".venv/bin/")
    return tuple(words)


def typed_on(page: Path) -> Iterator[Typed]:
    text = page.read_text(encoding="utf-8")
    for block in BLOCK.finditer(text):
        for line in block["text"].replace("\\\n", " ").splitlines():
            for command in line.split(" && ") if "'" not in line else [line]:
                marked = block["marker"] is not None
                words = command.split() if marked else words_of(command)
                if words:
                    yield Typed(page=page, words=tuple(words), marked=marked)
    for command in INLINE.findall(BLOCK.sub("", text)):
        yield Typed(page=page, words=words_of(command), whole=False)


TYPED = [typed for page in PAGES for typed in typed_on(page)]


def test_each_command_and_option_is_there() -> None:
    ours = [each for each in TYPED if each.words[0] in ("taskguard", ".venv/bin/taskguard")]
    assert len(ours) > 50
    assert not {str(each): wrong for each in ours if (wrong := wrong_with(each))}


def test_each_option_in_the_table_of_grade_is_one_of_its() -> None:
    page = (PROJECT / "docs" / "commands.md").read_text(encoding="utf-8")
    table = page.partition("## Options of `taskguard grade`\n\n")[2].partition("\n\n")[0]
    named = set(re.findall(r"(?<=`)--[\w-]+", table))
    assert named
    assert not named - options_of("grade")


def options_of(command: str) -> set[str]:
    parameters = COMMANDS.commands[command].params
    return {option for each in parameters for option in (*each.opts, *each.secondary_opts)}


def wrong_with(typed: Typed) -> str | None:
    name, *arguments = typed.words[1:]
    if name.startswith("-") or name == "command":  # `taskguard --version`, `taskguard <command> --help`
        return None
    if (command := COMMANDS.commands.get(name.rstrip(","))) is None:
        return "no such command"
    named = {each.partition("=")[0].rstrip(",") for each in arguments if each.startswith("-")} - {"--help"}
    if unknown := named - options_of(command.name):
        return f"no such options: {sorted(unknown)}"
    if typed.whole and not typed.marked and "--help" not in arguments:
        try:
            command.make_parser(command.context_class(command)).parse_args(list(arguments))
        except Exception as error:
            return str(error)
    return None


def test_each_target_and_variable_of_make_is_there() -> None:
    missing = []
    for typed in TYPED:
        for word in typed.words[1:] if typed.words[0] == "make" else ():
            if word.startswith("#"):
                break
            name, is_variable, _ = word.partition("=")
            # A service's own Makefile has the other ones.
            if (
                not re.search(rf"^{name} \?=" if is_variable else rf"^{name}:", MAKEFILE, re.MULTILINE)
                and name != "build-logical-id"
            ):
                missing.append(f"{typed}: {name}")
    assert not missing


def test_each_option_of_the_plugin_is_there() -> None:
    parser = pytest.Parser(_ispytest=True)
    plugin.pytest_addoption(parser)
    known = {name for group in parser._groups for option in group.options for name in option.names()}
    named = {option for page in PAGES for option in re.findall(r"--taskguard-[\w-]+", page.read_text(encoding="utf-8"))}
    assert named
    assert not named - known


def test_what_is_not_marked_is_run_by_a_test() -> None:
    unsaid, wrong = [], []
    for typed in TYPED:
        if not typed.whole or typed.marked or typed.words[0] in SHELL:
            continue
        beginnings = [each for each in RUN if " ".join(typed.words).startswith(each)]
        if not beginnings:
            unsaid.append(str(typed))
            continue
        file, text = RUN[max(beginnings, key=len)]
        if text not in (PROJECT / file).read_text(encoding="utf-8"):
            wrong.append(f"{typed}: {file} has no {text}")
    assert not unsaid, "add where these are run to RUN, or <!-- not run: why --> above their block"
    assert not wrong


def test_help_of_make_lists_what_the_pages_name_first() -> None:
    told = subprocess.run(["make", "help"], cwd=PROJECT, capture_output=True, text=True, check=True).stdout
    assert {"grade", "test-local", "docs"} <= set(re.findall(r"^  make ([\w-]+)", told, re.MULTILINE))
