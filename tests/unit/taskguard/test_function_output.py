"""What a function's process writes is kept until it is taken, however much it is, and in whichever parts it comes."""

import os
import threading
from collections.abc import Iterator

import pytest
from taskguard.engine.functions import output as module
from taskguard.engine.functions.output import Output

LINES = "a line of a log\n" * 100_000
DEADLINE_SECONDS = 30


@pytest.fixture
def pipe() -> Iterator[tuple[Output, int]]:
    reading, writing = os.pipe()
    output = Output(reading)
    yield output, writing
    output.close()
    os.close(writing)


def test_who_writes_more_than_a_pipe_holds_is_not_kept_waiting(pipe: tuple[Output, int]) -> None:
    output, writing = pipe

    def write() -> None:
        with open(writing, "w", closefd=False) as file:
            file.write(LINES)

    thread = threading.Thread(target=write, daemon=True)
    thread.start()
    thread.join(DEADLINE_SECONDS)
    assert not thread.is_alive(), "what was written was not collected"
    assert output.take() == LINES
    assert output.take() == ""


def test_a_character_may_arrive_in_two_parts(pipe: tuple[Output, int]) -> None:
    output, writing = pipe
    first, second = "ü".encode()[:1], "ü".encode()[1:]
    os.write(writing, b"Gl" + first)
    assert output.take() == "Gl"
    os.write(writing, second + b"ck")
    assert output.take() == "ück"


def test_what_was_written_before_the_end_can_be_taken_after_it(pipe: tuple[Output, int]) -> None:
    output, writing = pipe
    os.write(writing, b"last words\n")
    output.close()
    output.close()
    assert output.take() == "last words\n"


def test_of_what_is_written_without_end_the_beginning_is_kept(
    pipe: tuple[Output, int], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "_MOST_BYTES", 4)
    output, writing = pipe
    for text in (b"kept", b"lost", b"lost"):
        os.write(writing, text)
        output.read()
    assert output.take() == "kept\n(8 bytes more were written at once, and are not kept)\n"
    os.write(writing, b"kept again")
    assert output.take() == "kept again"


def test_one_that_cannot_be_read_leaves_the_others_as_they_are(
    pipe: tuple[Output, int], monkeypatch: pytest.MonkeyPatch
) -> None:
    _, writing = pipe
    others, writing_of_others = os.pipe()
    failing, has_failed = Output(others), threading.Event()

    def fail() -> int:
        has_failed.set()
        raise MemoryError

    monkeypatch.setattr(failing, "read", fail)
    os.write(writing_of_others, b"x")
    assert has_failed.wait(DEADLINE_SECONDS), "nobody tried to read it"
    monkeypatch.undo()
    thread = threading.Thread(target=os.write, args=(writing, LINES.encode()), daemon=True)
    thread.start()
    thread.join(DEADLINE_SECONDS)
    assert not thread.is_alive(), "what was written was not collected"
    failing.close()
    os.close(writing_of_others)
