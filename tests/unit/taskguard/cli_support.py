"""Runs the ``taskguard`` command in this process, as its script does."""

from __future__ import annotations

import signal
import sys
from dataclasses import dataclass
from functools import lru_cache

import pytest
import typer.main
from taskguard.cli import main

# A process of the command's own reads the commands' signatures once.
_commands_of = lru_cache(typer.main.get_command)


@dataclass(frozen=True, slots=True)
class Ended:
    """How a command ended: its exit status and what it wrote."""

    status: int
    out: str
    err: str

    @property
    def says(self) -> str:
        """All it wrote, in one line: messages are wrapped to the terminal's width, in boxes."""
        return " ".join((self.out + self.err).replace("│", " ").split())


class Command:
    """Call it with the command's arguments."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
        self._monkeypatch, self._capsys = monkeypatch, capsys

    def __call__(self, *arguments: object, traced: bool = False) -> Ended:
        """``traced`` is whether it may and must end with a trace, on the error output."""
        self._monkeypatch.setattr(typer.main, "get_command", _commands_of)
        self._monkeypatch.setattr(sys, "argv", ["taskguard", *map(str, arguments)])
        before = {each: signal.getsignal(each) for each in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)}
        self._capsys.readouterr()
        try:
            with pytest.raises(SystemExit) as exited:
                main()
        finally:
            for each, handler in before.items():
                signal.signal(each, handler)
        written = self._capsys.readouterr()
        assert isinstance(exited.value.code, int)
        assert "Traceback" not in written.out
        assert ("Traceback" in written.err) is traced
        return Ended(exited.value.code, written.out, written.err)
