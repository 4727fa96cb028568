"""Which fields a request wants, from how a service refuses one that has not got them: by what it answers, or by the error that it dies of.

Only what is named is added, so that a body that is taken in the end has nothing that nobody asked for. It must not know how a request
is sent.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from itertools import chain

_NAME = r"[A-Za-z_][A-Za-z0-9_]*"
_WANTING = (
    rf"[\"'`]({_NAME})[\"'`]",
    rf"\b({_NAME})[\"'`]?\s+(?:is|are|was|must|should|may not|cannot)\b",
    rf"\b(?:missing|requires?|required|expects?|expected|needs?|provide)\b\s*(?:required\b\s*)?"
    rf"(?:fields?|propert(?:y|ies)|parameters?|keys?|attributes?|values?)?\s*[:=]?\s*[\"'`\[]?({_NAME}(?:(?:\s*,\s*|\s+and\s+){_NAME})*)",
    rf"reading '({_NAME})'",
)
_LOCATED = rf'"(?:path|loc)"\s*:\s*\[[^\[\]]*?"({_NAME})"\s*\]|"missingProperty"\s*:\s*"({_NAME})"'
"""Where libraries that check requests say which field is at fault, beside much else: zod, Joi and Yup, pydantic, Ajv."""
_NO_FIELDS = frozenset(
    {
        "a",
        "an",
        "and",
        "any",
        "are",
        "bad",
        "be",
        "body",
        "data",
        "detail",
        "details",
        "error",
        "errors",
        "errormessage",
        "errortype",
    }
    | {
        "failed",
        "field",
        "fields",
        "for",
        "from",
        "in",
        "input",
        "internal",
        "invalid",
        "is",
        "it",
        "json",
        "keyerror",
        "message",
    }
    | {
        "missing",
        "msg",
        "must",
        "no",
        "not",
        "null",
        "object",
        "of",
        "or",
        "parameter",
        "property",
        "request",
        "required",
        "requires",
    }
    | {
        "server",
        "stack",
        "stacktrace",
        "status",
        "string",
        "success",
        "that",
        "the",
        "this",
        "to",
        "trace",
        "type",
        "typeerror",
        "undefined",
    }
    | {
        "valid",
        "validation",
        "value",
        "values",
        "with",
        "you",
        "false",
        "true",
        "none",
        "requestid",
        "provide",
        "need",
        "needs",
    }
)
_IDS = re.compile(r"(id|key|number|no|ref|reference|uuid)$", re.IGNORECASE)


def fields_named(said: str) -> tuple[str, ...]:
    """The names that may be those of fields in what was said of a request, each once. One that begins a sentence is taken for a name in small
    letters."""
    # An error may tell of them by JSON in a text.
    if located := re.findall(_LOCATED, said.replace('\\"', '"').replace("\\n", " ")):
        return tuple(dict.fromkeys(first or second for first, second in located))
    found = chain.from_iterable(re.findall(pattern, said, re.IGNORECASE) for pattern in _WANTING)
    names = (_as_field(name) for each in found for name in re.split(r"\s*,\s*|\s+and\s+", each))
    return tuple(dict.fromkeys(name for name in names if name.lower() not in _NO_FIELDS))


def body_of(names: Sequence[str]) -> str:
    """A body with these fields: an id in what is called as ids are, and a text in the others."""
    return "{" + ", ".join(f'"{name}": "{value}"' for name, value in _values(names)) + "}"


def _values(names: Sequence[str]) -> Iterator[tuple[str, str]]:
    return ((name, "${id}" if _IDS.search(name) else "${text}") for name in names)


def _as_field(name: str) -> str:
    return name[0].lower() + name[1:] if name[1:].islower() else name
