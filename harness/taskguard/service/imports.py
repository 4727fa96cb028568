"""What stacks import of other stacks, and nobody exports: AWS refuses such a stack, an engine leaves the value out without a word.

Names that are put together are not told. It must not know what a value is for.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from contextlib import suppress

from botocore.exceptions import ClientError

from taskguard.service.resources import stacks_of
from taskguard.targets.base import Endpoint

_IMPORTED = re.compile(
    r"""(?:!ImportValue|["']?Fn::ImportValue["']?[^\S\n]*:)[^\S\n]*["']?([\w-]+(?::[\w-]+)*)(?![\w:])"""
)
"""By a plain name: https://docs.aws.amazon.com/AWSCloudFormation/latest/TemplateReference/intrinsic-function-reference-importvalue.html"""


def missing_imports(endpoint: Endpoint, name: str) -> Iterator[str]:
    """The names that the stacks called ``name`` together import, and that no stack of the engine's exports; none on AWS, nor where the engine
    does not tell."""
    if endpoint.url is not None:
        with suppress(ClientError):
            yield from _missing(endpoint, name)


def _missing(endpoint: Endpoint, name: str) -> Iterator[str]:
    imported: dict[str, None] = {}
    cloudformation = endpoint.cloudformation()
    for stack in stacks_of(name):
        body = cloudformation.get_template(StackName=stack, TemplateStage="Original")["TemplateBody"]
        imported |= dict.fromkeys(_IMPORTED.findall(body if isinstance(body, str) else json.dumps(body)))
    if not imported:
        return
    pages = cloudformation.get_paginator("list_exports").paginate()
    exported = {each["Name"] for page in pages for each in page["Exports"]}
    yield from (each for each in imported if each not in exported)
