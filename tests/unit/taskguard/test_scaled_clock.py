"""Pipeline time: one clock for all who share its file, continuous, and never faster than told."""

import math
import subprocess
import sys
import time
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from taskguard.support import scaled_clock
from taskguard.support.clocks import MOST_SCALE, REAL, Clock, MachineClock, clock_scale
from taskguard.support.scaled_clock import SharedClock, create

SECONDS = st.floats(0, 1e6)
RATES = st.floats(1, 1000)


class Machine:
    """A machine whose clock stands where it is put."""

    now = 1000.0

    def monotonic(self) -> float:
        return self.now


@pytest.fixture
def machine(monkeypatch: pytest.MonkeyPatch) -> Machine:
    machine = Machine()
    monkeypatch.setattr(scaled_clock, "_monotonic", machine.monotonic)
    return machine


@pytest.fixture
def clock(tmp_path: Path, machine: Machine) -> SharedClock:  # the clock starts on it
    create(str(tmp_path / "clock"))
    return SharedClock(str(tmp_path / "clock"), writing=True)


def test_it_begins_as_the_time_of_day_and_runs_as_the_machines(clock: SharedClock, machine: Machine) -> None:
    began = clock.now()
    assert abs(began - time.time()) < 60
    machine.now += 7
    assert clock.now() - began == pytest.approx(7)


def test_it_runs_fast_and_then_as_the_machines_again_once_it_is_there(clock: SharedClock, machine: Machine) -> None:
    began = clock.now()
    clock.go_on(10, until=began + 20)
    machine.now += 1
    assert clock.now() - began == pytest.approx(10)
    machine.now += 1
    assert clock.now() - began == pytest.approx(20)
    machine.now += 1
    assert clock.now() - began == pytest.approx(21)


def test_who_only_reads_sees_what_is_written(clock: SharedClock, machine: Machine, tmp_path: Path) -> None:
    reader = Clock(scale=60, file=str(tmp_path / "clock"))
    clock.go_on(60)
    machine.now += 2
    assert reader.now_ms() == pytest.approx(clock.now() * 1000, abs=0.001)
    assert abs(REAL.now_ms() / 1000 - time.time()) < 60


@given(st.floats(0, 1e6), RATES, SECONDS)
def test_a_moment_that_has_passed_does_not_set_it_back(file: str, ago: float, rate: float, passes: float) -> None:
    machine = Machine()
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(scaled_clock, "_monotonic", machine.monotonic)
        create(file)
        clock = SharedClock(file, writing=True)
        before = clock.now()
        clock.go_on(rate, before - ago)
        assert clock.now() >= before
        machine.now += passes
        assert clock.now() - before == pytest.approx(passes, abs=1e-3)


def test_who_is_held_up_while_reading_it_is_not_shown_more_than_there_will_be(
    tmp_path: Path, machine: Machine, monkeypatch: pytest.MonkeyPatch
) -> None:
    create(str(tmp_path / "clock"))
    writer, reader = (SharedClock(str(tmp_path / "clock"), writing=writes) for writes in (True, False))
    began = writer.now()
    writer.go_on(1000)

    def after_a_pause() -> float:
        # Meanwhile the clock is slowed down, and a second passes.
        monkeypatch.setattr(scaled_clock, "_monotonic", machine.monotonic)
        writer.go_on(1)
        machine.now += 1
        return machine.now

    monkeypatch.setattr(scaled_clock, "_monotonic", after_a_pause)
    assert reader.now() - began == pytest.approx(1)


@pytest.fixture(scope="module")
def file(tmp_path_factory: pytest.TempPathFactory) -> str:
    path = str(tmp_path_factory.mktemp("clock") / "clock")
    create(path)
    return path


@given(st.lists(st.tuples(RATES, SECONDS, SECONDS), max_size=6))
def test_it_neither_jumps_nor_goes_back(file: str, steps: list[tuple[float, float, float]]) -> None:
    machine = Machine()
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(scaled_clock, "_monotonic", machine.monotonic)
        create(file)
        clock = SharedClock(file, writing=True)
        for rate, ahead, passes in steps:
            before = clock.now()
            clock.go_on(rate, before + ahead)
            assert clock.now() == pytest.approx(before, abs=1e-3)
            machine.now += passes
            gone = clock.now() - before
            assert gone >= passes - 1e-3
            assert gone <= passes + ahead + 1e-3


@given(RATES, SECONDS, SECONDS)
def test_it_says_how_long_a_moment_is_away(file: str, rate: float, ahead: float, wanted: float) -> None:
    machine = Machine()
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(scaled_clock, "_monotonic", machine.monotonic)
        create(file)
        clock = SharedClock(file, writing=True)
        moment = clock.now() + wanted
        clock.go_on(rate, clock.now() + ahead)
        machine.now += clock.seconds_until(moment)
        assert clock.now() == pytest.approx(moment, abs=1e-2)
        assert clock.seconds_until(moment) == pytest.approx(0, abs=1e-2)


IN_A_PROCESS = """
import datetime as module, logging, pickle, runpy, sys, time
real = time.time
runpy.run_path(sys.argv[1])["install"](sys.argv[2])
from datetime import datetime

ahead = time.time() - real()
assert ahead > 3000, ahead
for seconds in (
    datetime.now(module.UTC).timestamp(), datetime.now().timestamp(), datetime.today().timestamp(),
    datetime.utcnow().replace(tzinfo=module.UTC).timestamp(), time.time_ns() / 1e9,
    time.mktime(time.localtime()), time.mktime(time.strptime(time.ctime())),
    time.mktime(time.strptime(time.strftime("%Y-%m-%d %H:%M:%S"), "%Y-%m-%d %H:%M:%S")),
):
    assert abs(seconds - time.time()) < 5, seconds
assert time.gmtime(0).tm_year == 1970

now = datetime.now(module.UTC)
of_c_code = module.datetime.real(2020, 1, 1)
assert isinstance(of_c_code, datetime) and isinstance(now, module.date) and not isinstance(1, datetime)
assert pickle.loads(pickle.dumps(now)) == now

class Own(datetime):
    pass

assert not isinstance(now, Own) and isinstance(Own.now(), datetime) and issubclass(Own, datetime)

class Formatter(logging.Formatter):
    converter = time.gmtime

said = Formatter("%(asctime)s").format(logging.makeLogRecord({"created": 0.0}))
assert said.startswith("1970-01-01 00:00:00"), said
before = time.monotonic()
time.sleep(0.01)
assert 0.01 <= time.monotonic() - before < 5
print("as told")
"""


def test_a_process_lives_by_it(tmp_path: Path) -> None:
    path = str(tmp_path / "clock")
    create(path)
    clock = SharedClock(path, writing=True)
    # An hour ahead, and from then on as fast as the machine's.
    clock.go_on(1e6, clock.now() + 3600)
    told = subprocess.run(
        [sys.executable, "-c", IN_A_PROCESS, scaled_clock.__file__, path], capture_output=True, text=True, check=False
    )
    assert (told.returncode, told.stdout) == (0, "as told\n"), told.stderr


SET_MEANWHILE = """
import datetime as module, runpy, sys, time
real, ahead = time.time, 0.0
time.time = lambda: real() + ahead
runpy.run_path(sys.argv[1])["install"](sys.argv[2])
from datetime import datetime

for ahead in (3.0, -3.0, 3600.0):
    assert abs(time.time() - real()) < 1, time.time() - real()
    assert abs(datetime.now(module.UTC).timestamp() - real()) < 1
print("as told")
"""


def test_it_goes_on_when_the_machines_clock_is_set(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path, time_of_day = str(tmp_path / "clock"), time.time
    create(path)
    told = subprocess.run(
        [sys.executable, "-c", SET_MEANWHILE, scaled_clock.__file__, path], capture_output=True, text=True, check=False
    )
    assert (told.returncode, told.stdout) == (0, "as told\n"), told.stderr

    clock = Clock(file=path)
    before_ms = clock.now_ms()
    monkeypatch.setattr(time, "time", lambda: time_of_day() + 3)
    assert 0 <= clock.now_ms() - before_ms < 1000


@pytest.mark.parametrize(
    ("seconds", "told"), [(3.0, 3.0), (-3.0, -3.0), (-0.3, -0.3), (0.2, 0.0), (-0.2, 0.0), (0.0, 0.0)]
)
def test_that_the_machines_clock_was_set_is_noticed(seconds: float, told: float) -> None:
    passed, was_set = 0.0, 0.0
    machine = MachineClock(lambda: 1_700_000_000 + passed + was_set, lambda: 500 + passed)
    passed, was_set = 40.0, seconds
    assert machine.set_by_seconds() == pytest.approx(told, abs=0.002)


def test_it_does_not_run_fast_for_ever_by_itself(clock: SharedClock) -> None:
    assert clock.seconds_until(clock.now() + 5) == pytest.approx(5)
    clock.go_on(10, math.inf)
    assert clock.seconds_until(clock.now() + 5) == pytest.approx(0.5)


@pytest.mark.parametrize("text", ["1", "10", "60.5", str(MOST_SCALE)])
def test_a_clock_scale_is_a_number(text: str) -> None:
    assert clock_scale(text) == float(text)


@pytest.mark.parametrize("text", ["0", "0.5", "-1", "1001", "nan", "inf", "fast", ""])
def test_what_is_no_clock_scale_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match=r"clock scale is from 1 to 1000|could not convert"):
        clock_scale(text)
