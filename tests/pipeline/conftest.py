"""Each answer that a pipeline test gets from the API is held against the API's document."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
import requests
from taskguard.testing.pipeline import Pipeline

from tests import api_document


@pytest.fixture
def pipeline(pipeline: Pipeline) -> Iterator[Pipeline]:
    found: list[str] = []

    def heed(response: requests.Response) -> None:
        found.extend(api_document.faults_of(response, pipeline.run.stack.api_url))

    pipeline.client.heed = heed
    yield pipeline
    assert not found, "answers that docs/openapi.yaml does not promise:\n" + "\n".join(found)
