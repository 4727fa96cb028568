"""How often the engine looks again, where LocalStack waits a whole second between two looks.

SQS returns messages whose visibility timeout or delay has passed by looking at the clock once a second, which makes every
backoff up to a second too long; SQS itself has no such step. CloudFormation asks a resource that is not ready once a
second, and a stack has dozens.
"""

from functools import partialmethod

from localstack.services.cloudformation.resource_provider import ResourceProviderExecutor
from localstack.services.sqs.provider import QueueUpdateWorker
from localstack.utils.scheduler import Scheduler
from localstack.utils.threads import start_thread

QUEUE_SECONDS = 0.05
STACK_SECONDS = 0.05


def quicken() -> None:
    """Let queues and stacks that are worked on from now on be looked at more often."""
    QueueUpdateWorker.start = _start_queue_worker
    ResourceProviderExecutor.deploy_loop = partialmethod(ResourceProviderExecutor.deploy_loop, sleep_time=STACK_SECONDS)


def _start_queue_worker(worker: QueueUpdateWorker) -> None:
    with worker.mutex:
        if worker.thread is not None:
            return
        scheduler = Scheduler()
        scheduler.schedule(worker.do_update_all_queues, period=QUEUE_SECONDS, fixed_rate=False)
        worker.scheduler = scheduler
        worker.thread = start_thread(lambda *_: scheduler.run(), name="sqs-queue-update-worker")
