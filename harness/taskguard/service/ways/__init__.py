"""The ways into a stack, one module each: REST APIs, HTTP APIs and the URLs of functions.

Each knows one type of CloudFormation resource, and reads from the platform what such a resource is: its address, its routes, and what
these invoke. An engine that knows nothing of a kind makes that kind be told of as not supported; only AWS's own answers are relied on.
It must not know which route takes tasks: :mod:`taskguard.service.discovery` decides.
"""

from taskguard.service.ways import function_url, http_api, rest
from taskguard.service.ways.base import Reading, Way, is_unknown_here

WAYS: tuple[Way, ...] = (
    Way(resource="AWS::ApiGateway::RestApi", read=rest.read),
    Way(resource="AWS::ApiGatewayV2::Api", read=http_api.read),
    Way(resource="AWS::Lambda::Url", read=function_url.read),
)
"""All of them."""

__all__ = ["WAYS", "Reading", "Way", "is_unknown_here"]
