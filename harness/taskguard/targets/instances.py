"""Started engines, read back from what they left in a file or in arguments.

Each class is imported when it is asked for, as targets are.
"""

from __future__ import annotations

import json
from dataclasses import fields

from taskguard.targets.base import Instance


def instance_from_json(text: str) -> Instance:
    """What :meth:`Instance.to_json` wrote.

    Raises:
        ValueError, KeyError: when the text is something else.
    """
    document = json.loads(text)
    if not isinstance(document, dict):
        raise ValueError(f"not an instance: {text:.60}")
    kind = _instance_class(document.pop("kind"))
    return kind(**{field.name: document[field.name] for field in fields(kind)})


def _instance_class(kind: str) -> type[Instance]:
    match kind:
        case "localstack":
            from taskguard.targets.localstack import LocalStackInstance

            return LocalStackInstance
        case "docker":
            from taskguard.targets.docker import DockerInstance

            return DockerInstance
        case "ministack":
            from taskguard.targets.ministack import MiniStackInstance

            return MiniStackInstance
        case "endpoint":
            from taskguard.targets.endpoint import EndpointInstance

            return EndpointInstance
        case "aws":
            from taskguard.targets.aws import AwsInstance

            return AwsInstance
    raise ValueError(f"no target is called {kind!r}")
