"""The one answer shape: `status, data, error, meta`, for every status code. The only place that renders errors."""

import uuid
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Generic, TypeVar

import msgspec
import structlog
from pydantic import BaseModel
from starlette.requests import Request
from starlette.responses import Response

from hub.auth.cookies import set_cookie
from hub.errors import HubError, VersionConflict
from hub.observe import crashes

T = TypeVar("T")

_log = structlog.get_logger("hub.api")


@dataclass(frozen=True, slots=True)
class Cookie:
    """`name` is one of `hub.auth.cookies`, which knows its attributes; `max_age_s` 0 deletes it."""

    name: str
    value: str
    max_age_s: int


@dataclass(frozen=True, slots=True)
class Reply(Generic[T]):
    """What a handler answers with. `next`: cursor of the following page of a list."""

    data: T | None = None
    status: int = 200
    next: str | None = None
    headers: Mapping[str, str] = field(default_factory=dict)
    cookies: Sequence[Cookie] = ()


def success(request: Request, reply: Reply[Any]) -> Response:
    response = _envelope(request, reply.status, data=reply.data, next_cursor=reply.next, headers=reply.headers)
    for cookie in reply.cookies:
        line = set_cookie(cookie.name, cookie.value, cookie.max_age_s, request.state.settings.base_url)
        response.headers.append("Set-Cookie", line)
    return response


def failure(request: Request, error: HubError) -> Response:
    """An expected error. A version conflict brings the stored object in `data`, and there what was sent as `sent`."""
    data = None
    if isinstance(error, VersionConflict) and error.current is not None:
        data = {**error.current, "sent": error.sent}
    body = {"code": error.code, "message": error.message, "fields": error.fields, "error_id": None}
    headers = {"WWW-Authenticate": "Bearer"} if error.http_status == 401 else {}
    return _envelope(request, error.http_status, data=data, error=body, headers=headers | error.headers)


def unexpected(request: Request, error: Exception) -> Response:
    """A 500 that says nothing but `error_id`, under which the log (and Sentry, if configured) has the traceback."""
    error_id = uuid.uuid4().hex
    # The route's template, as a path may hold an invitation.
    route = getattr(request.scope.get("route"), "path", "")
    _log.error("unexpected error", error_id=error_id, route=route, exc_info=error)
    crashes.capture(error, error_id=error_id)
    body = {"code": HubError.code, "message": HubError.default_message, "fields": None, "error_id": error_id}
    return _envelope(request, 500, error=body)


def request_id_of(request: Request) -> str:
    """The id that `RequestContext` gave this request."""
    request_id: str = request.scope["state"]["request_id"]
    return request_id


def _envelope(
    request: Request,
    status: int,
    *,
    data: object = None,
    error: Mapping[str, object] | None = None,
    next_cursor: str | None = None,
    headers: Mapping[str, str] | None = None,
) -> Response:
    content = {
        "status": "success" if error is None else "error",
        "data": data,
        "error": error,
        "meta": {"request_id": request_id_of(request), "next": next_cursor},
    }
    # no-store: what an answer holds depends on who asks, and no cache in between shall hand it to the next one.
    all_headers = {"Cache-Control": "no-store", **(headers or {})}
    return Response(msgspec.json.encode(content, enc_hook=_plain), status, all_headers, media_type="application/json")


def _plain(value: object) -> object:
    if isinstance(value, BaseModel):
        return value.model_dump(mode="json")
    raise TypeError(f"not for JSON: {type(value).__name__}")
