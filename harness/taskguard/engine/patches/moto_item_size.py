"""moto: of a record's size, an attribute that is written again counts once, as in DynamoDB.

moto adds a new value to a record that still has the old one, so that a large attribute which is set to what it was makes a record
twice as large as it is, and the write is refused. This module must not know of LocalStack: whoever uses moto can use it.

https://docs.aws.amazon.com/amazondynamodb/latest/developerguide/CapacityUnitCalculations.html

Needed until moto counts so: ``tests/engine/test_patches.py`` fails then.
"""

from typing import Any

from moto.dynamodb.exceptions import ItemSizeTooLarge
from moto.dynamodb.models.dynamo_type import DDBType, DynamoType, LimitedSizeDict
from moto.dynamodb.models.utilities import bytesize

LARGEST_ITEM_BYTES = 400 * 1024


def apply() -> None:
    LimitedSizeDict.__setitem__ = _set


def _set(self: LimitedSizeDict, key: str, value: Any) -> None:
    others = sum(size(name) + size(each) for name, each in self.items() if name != key)
    if others + size(key) + size(value) > LARGEST_ITEM_BYTES:
        raise ItemSizeTooLarge
    dict.__setitem__(self, key, value)


def size(part: Any) -> int:
    if not isinstance(part, DynamoType):
        return bytesize(str(part))
    # moto would make what is in a map anew, to ask it for its size.
    if part.type == DDBType.MAP:
        return sum(bytesize(name) + size(each) for name, each in part.value.items())
    if part.type == DDBType.LIST:
        return sum(map(size, part.value))
    return part.size()
