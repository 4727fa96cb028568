"""An engine that several services use, one after another, as they would use one that `taskguard up` left running.

Each has a region of its own, so that what the services call their queues and tables is their own affair. It must not know what is
expected of any.
"""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import Self

import boto3
from taskguard.places import Places
from taskguard.service.kept import RunningStack
from taskguard.support.sandbox.availability import sandbox_here
from taskguard.targets.localstack import LocalStack, LocalStackInstance

from tests.places import PLACES


class Engines:
    """One engine at a time, begun when it is first asked for, and another when its regions are used up. Use as a context manager."""

    def __init__(self, folder: Path, clock_scale: float) -> None:
        self._folder = folder
        self._clock_scale = clock_scale
        self._engine: LocalStack | None = None
        self._begun = 0
        self._regions: list[str] = []

    @contextmanager
    def one_for(self, places: Places) -> Iterator[str]:
        """Let this service find an engine that is up; the answer is the region that it has there. Its functions are gone when it is
        left, so that the engine is the next one's alone."""
        engine = self._up()
        region = self._regions.pop()
        instance: LocalStackInstance = replace(engine.running, region=region)
        RunningStack(instance=instance, stage="").note(places)
        try:
            yield region
        finally:
            RunningStack.forget(places)
            functions = instance.endpoint().functions()
            for mapping in (
                functions.get_paginator("list_event_source_mappings").paginate().search("EventSourceMappings[]")
            ):
                functions.delete_event_source_mapping(UUID=mapping["UUID"])
            for function in functions.get_paginator("list_functions").paginate().search("Functions[]"):
                functions.delete_function(FunctionName=function["FunctionName"])

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._end()

    def _up(self) -> LocalStack:
        if not self._regions or self._engine is None:
            self._end()
            self._begun += 1
            folder = self._folder / f"engine-{self._begun}"
            # What an engine before it recorded there is no evidence of this one: tasks have the same ids each time.
            shutil.rmtree(folder, ignore_errors=True)
            self._engine = LocalStack(
                folder,
                cache=PLACES.cache,
                clock_scale=self._clock_scale,
                functions_ready=True,
                sandboxed=bool(sandbox_here()),
            )
            self._engine.__enter__().start()
            # A service that names the usual region is told that it is deployed elsewhere.
            regions = set(boto3.session.Session().get_available_regions("sqs")) - {"us-east-1"}
            self._regions = sorted(regions, reverse=True)
        return self._engine

    def _end(self) -> None:
        if self._engine is not None:
            self._engine.__exit__(None, None, None)
            self._engine = None
