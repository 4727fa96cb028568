"""The URLs of functions, as Lambda tells of them: one function answers any method and any path."""

from __future__ import annotations

from taskguard.service.stack import Api, Route
from taskguard.service.ways.base import Reading, invoked


def read(reading: Reading, logical_id: str, function: str) -> Api:
    """The URL of a function: it takes any method and any path."""
    told = reading.endpoint.functions().get_function_url_config(FunctionName=function)
    name = invoked(told["FunctionArn"]) or function
    route = Route(method="ANY", path="/", function=name, authorization=told["AuthType"])
    url = told["FunctionUrl"].rstrip("/")
    return Api(logical_id=logical_id, kind="url", id=name, stage="", url=url, routes=(route,))
