"""How often the engine's SQS returns messages whose visibility timeout or delay has passed.

LocalStack looks once a second, which makes every backoff up to a second too long; SQS itself has no such step.
"""

from localstack.services.sqs.provider import QueueUpdateWorker
from localstack.utils.scheduler import Scheduler
from localstack.utils.threads import start_thread


def set_period(seconds: float) -> None:
    """Let every queue worker that starts from now on look every ``seconds`` seconds."""

    def start(worker: QueueUpdateWorker) -> None:
        with worker.mutex:
            if worker.thread is not None:
                return
            scheduler = Scheduler()
            scheduler.schedule(worker.do_update_all_queues, period=seconds, fixed_rate=False)
            worker.scheduler = scheduler
            worker.thread = start_thread(lambda *_: scheduler.run(), name="sqs-queue-update-worker")

    QueueUpdateWorker.start = start
