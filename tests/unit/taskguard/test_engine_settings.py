"""The engine's settings, on their way through an environment."""

from __future__ import annotations

import os
from collections.abc import Iterator
from unittest.mock import patch

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from taskguard.engine.settings import EngineSettings, FunctionRuntime, Provider

SETTINGS = EngineSettings(
    instance="token",
    scratch="scratch",
    owner_pid=7,
    recording="flight-recorder.jsonl",
    runtimes={
        "python3.13": FunctionRuntime("/usr/bin/python3.13", ("/one", "/two"), "3.13.0"),
        "nodejs20.x": FunctionRuntime("/usr/bin/node", ("/client", "/sdk"), "20.20.2", "node", "nodejs20.x"),
    },
    provider=Provider(("python", "-m", "tell"), "/scratch/provider.json"),
)


def forget() -> None:
    """Reading is cached for the life of a process, which a test is not."""
    EngineSettings.from_environment.cache_clear()


@pytest.fixture(autouse=True)
def _forgotten() -> Iterator[None]:
    forget()
    yield
    forget()


def read_back(settings: EngineSettings) -> EngineSettings:
    forget()
    with patch.dict(os.environ, settings.to_environment()):
        return EngineSettings.from_environment()


@pytest.mark.parametrize("settings", [SETTINGS, EngineSettings()])
def test_they_are_read_as_they_were_written(settings: EngineSettings) -> None:
    assert read_back(settings) == settings


@settings(deadline=None, derandomize=True)
@given(
    st.builds(
        EngineSettings,
        instance=st.text(),
        scratch=st.text(),
        owner_pid=st.integers(),
        recording=st.none() | st.text(),
        runtimes=st.dictionaries(
            st.text(),
            st.builds(FunctionRuntime, st.text(), st.lists(st.text(), max_size=3).map(tuple), st.text()),
            max_size=3,
        ),
    )
)
def test_any_settings_survive_an_environment(settings: EngineSettings) -> None:
    assert all("\0" not in text for text in settings.to_environment().values())
    assert read_back(settings) == settings


def test_they_are_read_once_a_process(monkeypatch: pytest.MonkeyPatch) -> None:
    [name] = SETTINGS.to_environment()
    monkeypatch.setenv(name, SETTINGS.to_environment()[name])
    first = EngineSettings.from_environment()
    monkeypatch.delenv(name)
    assert EngineSettings.from_environment() is first


def test_a_process_that_no_target_started_has_none(monkeypatch: pytest.MonkeyPatch) -> None:
    [name] = SETTINGS.to_environment()
    monkeypatch.delenv(name, raising=False)
    with pytest.raises(KeyError, match=name):
        EngineSettings.from_environment()
