"""moto: the names of a class's methods are looked up once.

moto goes through a class of responses for them at each request.

Needed until moto keeps them: ``tests/engine/test_patches.py`` fails then.
"""

from functools import lru_cache

from moto.core import responses


def apply() -> None:
    responses.method_names_from_class = lru_cache(responses.method_names_from_class)
