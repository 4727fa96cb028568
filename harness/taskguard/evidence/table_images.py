"""What a table has had under some keys, change by change, as its stream tells: every attribute, whatever it is called.

Asked for where nobody knows how a service words its records. It must not know what any attribute means.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from typing import Any

from botocore.exceptions import BotoCoreError, ClientError

from taskguard.evidence.records import as_json, items_of, values_of
from taskguard.evidence.table_stream import NoStream, TableStream
from taskguard.service.stack import Table
from taskguard.support.json_values import Json
from taskguard.support.waiting import WaitedInVain, wait_for
from taskguard.targets.base import Endpoint

_LATE_SECONDS = 5.0


class TableImages:
    """The items of one ``table``, by its partition key. Not safe to use from several threads."""

    def __init__(self, endpoint: Endpoint, table: Table) -> None:
        self._endpoint, self._table = endpoint, table
        self._stream = TableStream(endpoint, table.name)
        self._since_ms = 0.0
        self._images: dict[str, list[Mapping[str, Json]]] = {}

    def begin(self) -> None:
        """What changes from now on is to be told: the table gets a stream, if it has none."""
        self._since_ms = self._endpoint.clock.now_ms()
        try:
            self._stream.switch_on()
        except (ClientError, BotoCoreError):
            return  # who asks is told nothing

    def of(self, keys: Iterable[str]) -> Mapping[str, tuple[Mapping[str, Json], ...]]:
        """All that each of these items was since the beginning, once the stream tells of the last change; those that there are not are left
        out. Nothing where the stream does not tell in time, or the table has a key of two parts."""
        try:
            found = map(_plain, items_of(self._endpoint.dynamodb(), self._table.name, self._table.key, keys))
            items = {str(item[self._table.key]): item for item in found}
            wait_for(lambda: self._tells_of(items), seconds=_LATE_SECONDS, every=0.05)
        except (NoStream, WaitedInVain, ClientError, BotoCoreError):
            return {}
        return {key: tuple(self._images[key]) for key in items}

    def _tells_of(self, items: Mapping[str, Mapping[str, Json]]) -> bool:
        for record in self._stream.read_new():
            told: Mapping[str, Any] = record["dynamodb"]
            key = told["Keys"].get(self._table.key, {}).get("S")
            if key is not None and told["ApproximateCreationDateTime"].timestamp() * 1000 >= self._since_ms - 1000:
                self._images.setdefault(key, []).append(_plain(values_of(told.get("NewImage") or {})))
        return all(self._images.get(key, [None])[-1] == item for key, item in items.items())


def _plain(item: Mapping[str, Any]) -> Mapping[str, Json]:
    found: dict[str, Json] = json.loads(json.dumps(item, default=as_json))
    return found
