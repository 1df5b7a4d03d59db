"""Which kind of caller a route is for: said where the route is made, read by `access_of`.

A route that says nothing is a fault of the program, which tests/integration/leaks/test_route_audiences.py finds: it
walks the application's routes and asks each of them as somebody it is not for.
"""

from collections.abc import Mapping
from enum import Enum, auto
from typing import TypeVar

from starlette.routing import BaseRoute

SOCKET = "WEBSOCKET"  # stands where a route of requests has a method

_Route = TypeVar("_Route", bound=BaseRoute)


class Access(Enum):
    """Who may call. Rights over the objects themselves are the services' business."""

    NOBODY = auto()  # credentials of the request are not looked at: the answer is for everybody, or signs somebody in
    ANYONE = auto()  # rights decide what is seen
    ACCOUNT = auto()  # a signed-in account
    SIGNED_IN = auto()  # a signed-in account, or a machine's key
    BACKEND = auto()  # another application, with the key of the server API


def open_to(access: Access | Mapping[str, Access], route: _Route) -> _Route:
    """`route`, declared; by method where they differ."""
    methods = getattr(route, "methods", None) or (SOCKET,)
    declared = dict.fromkeys(sorted(methods), access) if isinstance(access, Access) else dict(access)
    route.access = declared  # type: ignore[attr-defined]
    return route


def access_of(route: BaseRoute) -> Mapping[str, Access]:
    """Method → whom it is for. Raises LookupError for a route that was not declared."""
    declared: Mapping[str, Access] | None = getattr(route, "access", None)
    if declared is None:
        raise LookupError(f"nobody said whom this is for: {getattr(route, 'path', route)}")
    return declared
