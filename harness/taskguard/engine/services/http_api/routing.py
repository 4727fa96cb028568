"""Which route of an HTTP API takes a request.

The rules are those of https://docs.aws.amazon.com/apigateway/latest/developerguide/http-api-develop-routes.html: a route that matches as a
whole goes before one with a greedy path variable, and ``$default`` takes what no other does. Of two that match alike, what is named goes
before a variable, and a method before ``ANY``.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from urllib.parse import unquote

DEFAULT = "$default"
ANY = "ANY"


@dataclass(frozen=True, slots=True)
class Match:
    """The route's key, and the values of its path variables."""

    key: str
    parameters: Mapping[str, str]


def matched(keys: Iterable[str], method: str, path: str) -> Match | None:
    """The route that takes this method and percent-encoded path; none when none does."""
    best: tuple[_Rank, Match] | None = None
    for key in keys:
        found = _match(key, method, path)
        if found is not None and (best is None or found[0] > best[0]):
            best = found
    return best[1] if best is not None else None


_Rank = tuple[int, tuple[bool, ...], bool]
_WHOLE, _GREEDY, _ELSE = 2, 1, 0


def _match(key: str, method: str, path: str) -> tuple[_Rank, Match] | None:
    if key == DEFAULT:
        return (_ELSE, (), False), Match(key, {})
    wanted, _, template = key.partition(" ")
    if wanted not in (ANY, method):
        return None
    have, want = _parts(path), _parts(template)
    greedy = bool(want) and want[-1].startswith("{") and want[-1].endswith("+}")
    if len(have) < len(want) or (not greedy and len(have) > len(want)):
        return None
    parameters: dict[str, str] = {}
    if greedy:
        parameters[want[-1][1:-2]] = unquote("/".join(have[len(want) - 1 :]))
        have, want = have[: len(want) - 1], want[:-1]
    named = []
    for part, there in zip(want, have, strict=True):
        is_variable = part.startswith("{") and part.endswith("}")
        if is_variable:
            parameters[part[1:-1]] = unquote(there)
        elif part != unquote(there):
            return None
        named.append(not is_variable)
    return (_GREEDY if greedy else _WHOLE, tuple(named), wanted != ANY), Match(key, parameters)


def _parts(path: str) -> list[str]:
    return [part for part in path.strip("/").split("/") if part] if path.strip("/") else []
