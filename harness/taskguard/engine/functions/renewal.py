"""Lets the next invocations of a function meet new processes, as Lambda may do at any time: what one remembers is not there any more.

It must not know why.
"""

import json
import threading
from collections import Counter

from rolo import Request, Response

_renewed: Counter[str] = Counter()
_changing = threading.Lock()


def times_renewed(function: str) -> int:
    """How often all processes of this function (its name on the engine) were to be new ones."""
    return _renewed[function]


def renew(request: Request) -> Response:
    """``POST /_taskguard/environments`` with ``{"functions": ["<name on the engine>"]}``: 200, or 400 and what is wrong with it."""
    try:
        names = json.loads(request.get_data())["functions"]
        with _changing:
            _renewed.update(str(name) for name in names)
    except (ValueError, KeyError, TypeError) as error:
        return Response.for_json({"message": f"Whose processes are to be new ones is not said: {error!r}."}, status=400)
    return Response.for_json({"id": names})
