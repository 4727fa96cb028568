"""LocalStack: event source mappings of queues use the engine's poller.

LocalStack's asks a queue again and again, and less and less often while it is empty; it has one batch under way at a time. And it
calls a mapping disabled while its poller still waits for a last message.

Needed as long as LocalStack's does: ``tests/pipeline/test_retry_path.py`` finds its deliveries late.
"""

from localstack.services.lambda_.event_source_mapping import esm_worker, esm_worker_factory

from taskguard.engine.events.event_source import PromptSqsPoller


def apply() -> None:
    esm_worker_factory.SqsPoller = PromptSqsPoller
    stop = esm_worker.EsmWorker.stop

    def stop_at_once(worker: esm_worker.EsmWorker) -> None:
        stop(worker)
        if isinstance(worker.poller, PromptSqsPoller):
            worker.poller.end()

    esm_worker.EsmWorker.stop = stop_at_once
    # It waits in its own way, and after an error as before.
    esm_worker.LAMBDA_EVENT_SOURCE_MAPPING_POLL_INTERVAL_SEC = 0
