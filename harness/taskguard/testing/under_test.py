"""The stage that a test session tests, of our service or of any: on which terms its tasks are judged, and in which words they are handed in.

Words that nobody stated are learnt from three tasks, once in each process of the session. It must not know pytest.
"""

from __future__ import annotations

from functools import partial

import msgspec

from taskguard.contract.terms import Terms
from taskguard.errors import TargetError
from taskguard.evidence.sources import source_at
from taskguard.ingress.access import client_of
from taskguard.ingress.load import Load
from taskguard.ingress.probes import wording_of
from taskguard.run.learning import Learning, can_learn
from taskguard.run.running import Run
from taskguard.run.stages import WantedStage
from taskguard.service.config import config_of, terms_of
from taskguard.service.failure_rate import simulate_none
from taskguard.service.ours import draws_of
from taskguard.service.stack import Stack
from taskguard.targets.base import Endpoint


def make_ready(wanted: WantedStage, endpoint: Endpoint, stack: Stack) -> None:
    """Let the service simulate no failures, where its taskguard.toml says how, on a stage that was deployed for the session.

    Raises:
        ConfigurationError, DeploymentError: as :func:`taskguard.service.failure_rate.simulate_none`.
    """
    if (variable := config_of(wanted.places.service).failure_rate) is not None:
        simulate_none(endpoint, stack, variable)


def run_of(wanted: WantedStage, endpoint: Endpoint, stack: Stack, *, is_shared: bool, seed: str) -> Run:
    """The stage under test, with what is expected of it. One that is ``is_shared`` with others is as they have deployed it; ``seed`` decides
    the ids of the tasks from which words are learnt.

    Raises:
        TargetError: nothing tells there what becomes of a task.
        IngressError: a task is taken in no words that are known.
    """
    terms, since_ms = wanted.terms(), 0.0
    if is_shared:
        terms = terms_of(wanted.places.service, draws_of(endpoint, stack, wanted.places.service))
        since_ms = endpoint.clock.now_ms()
    if endpoint.recording is None and terms.dialect.trail is None:
        raise TargetError(
            f"testing the stack {stack.name} at {endpoint.place}: only our own service leaves evidence there; test another one on "
            "--taskguard-target localstack."
        )
    terms = _with_words_learnt(endpoint, stack, terms, seed)
    return Run(
        endpoint=endpoint,
        stack=stack,
        terms=terms,
        source=source_at(endpoint, stack, terms.dialect, since_ms=since_ms),
    )


def _with_words_learnt(endpoint: Endpoint, stack: Stack, terms: Terms, seed: str) -> Terms:
    tasks = wording_of(seed, terms.dialect)
    load = Load(seed=seed, tasks=tasks, wording=len(tasks))
    if not tasks or not can_learn(endpoint, stack, terms.dialect, load):
        return terms
    learning = Learning(endpoint, stack, terms.dialect, load, log=False)
    learning.ask_first(partial(client_of, endpoint, stack), source_at(endpoint, stack, terms.dialect).recording)
    return msgspec.structs.replace(terms, dialect=learning.dialect)
