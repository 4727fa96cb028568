"""Initialises functions before anybody calls them, as Lambda may do
(https://docs.aws.amazon.com/lambda/latest/dg/lambda-runtime-environment.html#proactive-initialization).

The first invocation then finds an environment that is initialised, as every later one does.
"""

import logging

from localstack.services.lambda_.invocation.version_manager import LambdaVersionManager

from taskguard.engine.functions.executor import ahead_of_time

LOG = logging.getLogger(__name__)


def initialise(manager: LambdaVersionManager) -> None:
    """Start an environment for the function, for the first invocation to find."""
    service = manager.assignment_service
    try:
        with ahead_of_time():
            environment = service.start_environment(manager.id, manager.function_version)
    except Exception as error:  # the first invocation will say so
        LOG.warning("%s could not be initialised ahead of time: %s", manager.function_arn, error)
        return
    service.environments[manager.id][environment.id] = environment
    if manager.shutdown_event.is_set():
        service.stop_environment(environment)
