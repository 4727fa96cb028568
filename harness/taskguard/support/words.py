"""The words in the parameters of an AWS call, among which is the id of the task that it is about.

It must not know what a call is, nor which tasks there are.
"""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from typing import Any

_WORD = re.compile(r"[A-Za-z0-9._:-]+")
"""An id in a text: what may stand in one never stands beside it, so `t-1` is not found in `t-10`."""
_AFTER_IT = re.compile(r"(\.[a-z][a-z0-9]{0,4}|[.:])$")
"""What may be written behind an id and is none of it: how a file's name ends, or a sentence."""


def words_of(parameters: Mapping[str, Any]) -> frozenset[str]:
    """The words of all that is named or said there, however deep. What is no JSON, as a file's contents, says nothing."""
    # A body is JSON in a text, where a quote has a backslash before it: neither is of a word.
    words = set(_WORD.findall(json.dumps(parameters, ensure_ascii=False, default=lambda _: None)))
    return frozenset(words).union(_AFTER_IT.sub("", word) for word in words if "." in word or word.endswith(":"))
