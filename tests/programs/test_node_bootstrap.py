"""The first code of Node.js functions' processes: real ones, without an engine."""

from __future__ import annotations

import json
import subprocess
import time
from pathlib import Path
from typing import Any

import pytest
from taskguard.engine.functions.runtimes import node
from taskguard.support import scaled_clock
from taskguard.support.scaled_clock import SharedClock

FOLDER = Path(node.__file__).with_name("node_bootstrap")


def told(code: str, *arguments: str) -> Any:
    """What a program in Node.js prints, as JSON; ``parts`` requires a file of the bootstrap."""
    program = f"const parts = (name) => require({str(FOLDER)!r} + '/' + name); {code}"
    done = subprocess.run(["node", "-e", program, *arguments], capture_output=True, text=True, check=True)
    return json.loads(done.stdout)


@pytest.mark.parametrize("skew", [0, -300])
def test_dates_are_told_by_a_clock_that_runs_faster_and_may_be_wrong(tmp_path: Path, skew: int) -> None:
    file = str(tmp_path / "clock")
    scaled_clock.create(file)
    SharedClock(file, writing=True).go_on(600.0)
    code = """
    parts('clock.cjs').install(process.argv[1], Number(process.argv[2]));
    const began = Date.now();
    setTimeout(() => console.log(JSON.stringify([began, new Date().getTime()])), 100);
    """
    before, (began, ended), after = SharedClock(file).now(), told(code, file, str(skew)), SharedClock(file).now()
    assert before <= began / 1000 - skew <= ended / 1000 - skew <= after
    assert ended - began >= 0.09 * 600 * 1000


def test_a_clock_that_is_the_machine_s_may_be_wrong() -> None:
    code = "parts('clock.cjs').install('', 300); console.log(JSON.stringify([Date.now(), Date.parse(Date())]))"
    shown, parsed = told(code)
    assert shown / 1000 == pytest.approx(time.time() + 300, abs=30)
    assert parsed == pytest.approx(shown, abs=2000)


def test_a_date_is_one_still() -> None:
    code = """
    parts('clock.cjs').install('', 300);
    class Own extends Date { year() { return this.getUTCFullYear() } }
    const given = new Date(2020, 1, 2);
    console.log(JSON.stringify([
      given instanceof Date, given.constructor === Date, new Own('2020-01-01').year(), Date.UTC(1970, 0), new Own() instanceof Own,
      JSON.stringify(new Date(0)), Date.name, Date.length,
    ]));
    """
    assert told(code) == [True, True, 2020, 0, True, '"1970-01-01T00:00:00.000Z"', "Date", 7]
