"""botocore: the ``User-Agent`` of the engine's requests to itself is left as it is.

It is put together anew for each request, and nobody reads by which library the engine asks itself.

Needed until a task costs the engine no more time without it: ``python -m bench.throughput``.
"""

from botocore.useragent import UserAgentString


def apply() -> None:
    UserAgentString.rebuild_and_replace_user_agent_handler = lambda *_args, **_kwargs: None  # type: ignore[method-assign]
