"""Contracts that make sense, whichever they are, and how they are written as TOML."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

from hypothesis import strategies as st
from taskguard.contract.contract import (
    LOG_FIELDS,
    Api,
    Attempts,
    Contract,
    DeadLetter,
    Failures,
    Settings,
    Weight,
)
from taskguard.contract.waiting import Waiting

WEIGHTS = st.sampled_from(Weight)
SECONDS = st.floats(0, 900).map(lambda wait: round(wait, 3))
RANGES = st.tuples(st.integers(1, 5), st.integers(0, 5)).map(lambda pair: (pair[0], pair[0] + pair[1]))
ATTEMPTS = st.builds(Attempts, most=st.none() | st.integers(1, 9) | RANGES | st.just("as-deployed"))
LAST = st.sampled_from(["owed", "free"])
WAITING = st.one_of(
    st.just(Waiting()),
    st.builds(Waiting, schedule=st.lists(SECONDS, min_size=10, max_size=12).map(tuple), last=LAST),
    st.builds(Waiting, grows=st.none() | st.floats(1, 10), first=SECONDS, last=LAST),
    st.builds(Waiting, constant=SECONDS | st.just("as-deployed"), last=LAST),
)
CONTRACTS = st.builds(
    Contract,
    attempts=ATTEMPTS,
    waiting=WAITING,
    failures=st.none() | st.builds(Failures, rate=st.floats(0, 1), per=st.sampled_from(["attempt", "task"])),
    dead_letter=st.builds(DeadLetter, log=st.lists(st.sampled_from(LOG_FIELDS), unique=True).map(tuple)),
    settings=st.builds(Settings, **dict.fromkeys(Settings.__struct_fields__, WEIGHTS)),
    api=st.builds(
        Api,
        **dict.fromkeys(Api.__struct_fields__, WEIGHTS) | {"other_payload": st.sampled_from(["refused", "kept-apart"])},
    ),
)


def as_toml(tables: Mapping[str, Any]) -> str:
    """The tables as TOML; what is none is left out, as nobody can write it."""
    lines = []
    for name, table in tables.items():
        if table is not None:
            lines.append(f"[{name}]")
            # Strings, numbers, lists and truth values are written alike.
            lines += [f"{key} = {json.dumps(value)}" for key, value in table.items() if value is not None]
    return "\n".join(lines) + "\n"
