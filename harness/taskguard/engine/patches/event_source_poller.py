"""LocalStack: event source mappings of queues use the engine's poller.

LocalStack's asks a queue again and again, and less and less often while it is empty; it has one batch under way at a time.

Needed as long as LocalStack's does: ``tests/pipeline/test_retry_path.py`` finds its deliveries late.
"""

from localstack.services.lambda_.event_source_mapping import esm_worker, esm_worker_factory

from taskguard.engine.events.event_source import PromptSqsPoller


def apply() -> None:
    esm_worker_factory.SqsPoller = PromptSqsPoller
    # It waits in its own way, and after an error as before.
    esm_worker.LAMBDA_EVENT_SOURCE_MAPPING_POLL_INTERVAL_SEC = 0
