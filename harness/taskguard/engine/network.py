"""The network of this engine's functions, where they run in a sandbox: made when it is asked for first, gone with the engine."""

from functools import lru_cache

from taskguard.support.sandbox.network import Network


@lru_cache(maxsize=1)
def network() -> Network:
    """The engine's only one.

    Raises:
        SandboxError: there can be none.
    """
    return Network()
