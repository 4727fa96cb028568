"""LocalStack: event source mappings of queues use the engine's poller.

LocalStack's asks a queue again and again, and less and less often while it is empty; it has one batch under way at a time, hands
functions other bodies than were sent, knows no MaximumConcurrency and no batching window, and gives up when it is throttled. And it
calls a mapping disabled or deleted while its poller still waits for a last message.

Needed as long as LocalStack's does: ``tests/pipeline/test_retry_path.py`` finds its deliveries late, and ``tests/engine/test_mapping.py``
them otherwise.
"""

from localstack.services.lambda_.event_source_mapping import esm_worker, esm_worker_factory

from taskguard.engine.events.event_source import QueuePoller


def apply() -> None:
    esm_worker_factory.SqsPoller = QueuePoller
    _tell_of_maximum_concurrency()
    for name in ("stop", "delete"):
        _end_at_once(name)
    # It waits in its own way, and after an error as before.
    esm_worker.LAMBDA_EVENT_SOURCE_MAPPING_POLL_INTERVAL_SEC = 0


def _tell_of_maximum_concurrency() -> None:
    make = esm_worker_factory.EsmWorkerFactory.get_esm_worker

    def get_esm_worker(factory: esm_worker_factory.EsmWorkerFactory) -> esm_worker.EsmWorker:
        worker = make(factory)
        if isinstance(worker.poller, QueuePoller):
            worker.poller.maximum_concurrency = (factory.esm_config.get("ScalingConfig") or {}).get(
                "MaximumConcurrency"
            )
        return worker

    esm_worker_factory.EsmWorkerFactory.get_esm_worker = get_esm_worker


def _end_at_once(name: str) -> None:
    end = getattr(esm_worker.EsmWorker, name)

    def at_once(worker: esm_worker.EsmWorker) -> None:
        end(worker)
        if isinstance(worker.poller, QueuePoller):
            worker.poller.end()

    setattr(esm_worker.EsmWorker, name, at_once)
