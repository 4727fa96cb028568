"""The measurements as Markdown: ratios to the other engines first, and which aims were met."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from bench.throughput.measuring import Measured

OURS, AS_IT_COMES, MINISTACK = "taskguard", "localstack", "ministack"


def find(found: Iterable[Measured], engine: str, tasks: int, rate: float) -> Measured | None:
    """The measurement of this engine and case, none when it was not made."""
    wanted = (engine, tasks, rate)
    return next((each for each in found if (each.engine, each.tasks, each.rate) == wanted), None)


def table(found: Sequence[Measured], deadline_seconds: float) -> str:
    """One row for each measurement. Ratios are to LocalStack as it comes in the same case; ``>`` says that it had not settled
    when it was given up."""
    rows = [
        "| tasks, failures | engine | submitted, ratio | settled, ratio | submitted | settled after | first receive, median (most) "
        "| CPU for a task: engine + functions | engine's memory |",
        "| --- | --- | --- | --- | --- | --- | --- | --- | --- |",
    ]
    for each in found:
        base = find(found, AS_IT_COMES, each.tasks, each.rate)
        median, most = each.first_receive_seconds
        rows.append(
            f"| {each.tasks:,}, {each.rate:.0%} | {each.engine} | {_submit_ratio(each, base)} "
            f"| {_settle_ratio(each, base, deadline_seconds)} | {each.submit_rate:.0f}/s | {_settled(each, deadline_seconds)} "
            f"| {median:.2f} s ({most:.1f} s) | {each.engine_ms:.0f} + {each.functions_ms:.0f} ms | {each.engine_mb:.0f} MB |"
        )
    return "\n".join(rows)


def _settled(each: Measured, deadline_seconds: float) -> str:
    return f"{each.settle_seconds:.1f} s" if each.settle_seconds is not None else f"> {deadline_seconds:.0f} s"


def _submit_ratio(each: Measured, base: Measured | None) -> str:
    return f"{each.submit_rate / base.submit_rate:.2f}" if base is not None else ""


def _settle_ratio(each: Measured, base: Measured | None, deadline_seconds: float) -> str:
    if base is None or each.settle_seconds is None:
        return ""
    more = "" if base.settle_seconds is not None else "> "
    return f"{more}{(base.settle_seconds or deadline_seconds) / each.settle_seconds:.1f}"


def aims(found: Sequence[Measured], deadline_seconds: float) -> str:
    """Each aim, and the figure that it was met or missed by; those that cannot be told from what was measured are left out."""
    ours, theirs = find(found, OURS, 1_000, 0.3), find(found, AS_IT_COMES, 1_000, 0.3)
    mini = find(found, MINISTACK, 1_000, 0.3)
    plain, plain_theirs = find(found, OURS, 1_000, 0.0), find(found, AS_IT_COMES, 1_000, 0.0)
    small, large = find(found, OURS, 100, 0.0), find(found, OURS, 10_000, 0.0)
    lines: list[str] = []

    def say(what: str, figure: float, met: bool, unit: str = "times") -> None:
        lines.append(f"- {what}: {figure:.2f} {unit}, {'met' if met else 'missed'}")

    if ours and theirs:
        ratio = ours.submit_rate / theirs.submit_rate
        say("submitted at least 1.5 times as fast as LocalStack as it comes", ratio, ratio >= 1.5)
    if plain and plain_theirs and plain.settle_seconds:
        # Where it was given up, the ratio is at least this.
        ratio = (plain_theirs.settle_seconds or deadline_seconds) / plain.settle_seconds
        say("settled at least 10 times as fast as LocalStack as it comes, without failures", ratio, ratio >= 10)
    if ours and mini and ours.settle_seconds and mini.settle_seconds:
        ratio = ours.settle_seconds / mini.settle_seconds
        say("settled within 1.3 times MiniStack's time, with failures", ratio, ratio <= 1.3)
    if plain:
        say("first receive under 1 s, median", plain.first_receive_seconds[0], plain.first_receive_seconds[0] < 1, "s")
    if small and large and small.engine_ms:
        ratio = large.engine_ms / small.engine_ms
        say("processor time for a task at 10,000 against 100", ratio, ratio <= 1.3)
    return "\n".join(lines)
