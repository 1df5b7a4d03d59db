"""`POST /api/<method>` for back ends of other applications, in the shape of Centrifugo's HTTP API (docs/server-api.md).

The one exception to our envelope (decision 0010). What is wrong with the request as such, before any method is asked,
is answered in the envelope all the same: a status is what the client libraries look at.
"""

import hmac
from typing import Any

import msgspec
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import BaseRoute, Route

from hub.access import Access, open_to
from hub.api.body import read_body
from hub.api.envelope import failure
from hub.api.resource import Methods
from hub.api.server_methods import METHODS, Backend, Result, answered, at_once, error_of
from hub.api.server_requests import Batch
from hub.errors import BadRequest, HubError, NotFound, Unauthenticated
from hub.protocol.codes import ErrorCode

MAX_COMMANDS = 1000  # of one batch


def server_api_routes() -> list[BaseRoute]:
    """Before any catch-all under `/api/`."""
    return [
        _route("batch", _batch),
        *(_route(name, _method(name)) for name in METHODS),
    ]


def _route(name: str, answer: Any) -> Route:
    return open_to({"POST": Access.BACKEND}, Route(f"/api/{name}", Methods({"POST": _view(answer)})))


def _view(answer: Any) -> Any:
    async def view(request: Request) -> Response:
        try:
            _check_key(request)
            backend: Backend = request.state.backend
            content = await answer(backend, await read_body(request, request.state.settings.hub_body_limit_bytes))
        except HubError as error:
            return failure(request, error)
        return Response(
            msgspec.json.encode(content), media_type="application/json", headers={"Cache-Control": "no-store"}
        )

    return view


def _check_key(request: Request) -> None:
    """Raises NotFound when there is no such API here, Unauthenticated for a missing or wrong key."""
    expected = request.state.settings.hub_server_api_key
    if expected is None or not expected.get_secret_value():
        raise NotFound
    key = request.headers.get("x-api-key", "")
    scheme, _, credentials = request.headers.get("authorization", "").partition(" ")
    if not key and scheme.lower() == "apikey":
        key = credentials.strip()
    if not hmac.compare_digest(key.encode(), expected.get_secret_value().encode()):
        raise Unauthenticated("Send the key of the server API.", headers={"WWW-Authenticate": "apikey"})


def _method(name: str) -> Any:
    kind, method = METHODS[name]

    async def answer(backend: Backend, raw: bytes) -> Result:
        return await answered(method(backend, _decode(raw or b"{}", kind)))

    return answer


async def _batch(backend: Backend, raw: bytes) -> Result:
    """Each command's own answer, without `result` around it; a command that cannot be read fails alone."""
    batch = _decode(raw, Batch)
    if len(batch.commands) > MAX_COMMANDS:
        return error_of(ErrorCode.LIMIT_EXCEEDED)

    async def one(command: dict[str, msgspec.Raw]) -> Result:
        if len(command) != 1:
            return error_of(ErrorCode.BAD_REQUEST)
        [(name, body)] = command.items()
        if name not in METHODS:
            return error_of(ErrorCode.METHOD_NOT_FOUND)
        kind, method = METHODS[name]
        try:
            decoded = _decode(bytes(body), kind)
        except BadRequest as error:
            return error_of(ErrorCode.BAD_REQUEST, error.message)
        answer = await answered(method(backend, decoded))
        return {name: answer["result"]} if "result" in answer else answer

    if batch.parallel:
        return {"replies": await at_once(one, batch.commands)}
    return {"replies": [await one(command) for command in batch.commands]}


def _decode(raw: bytes, kind: type[msgspec.Struct]) -> Any:
    """Raises BadRequest."""
    try:
        raw.decode()  # what is carried on as it is was only skipped over by the parser
        return msgspec.json.decode(raw, type=kind)
    except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError) as error:
        raise BadRequest(f"The body is not acceptable: {error}.") from None
