"""`@endpoint`: decode, authorise, call, envelope. Also what the OpenAPI document knows of an operation."""

import inspect
import re
from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from pydantic import BaseModel, ValidationError
from starlette.requests import Request
from starlette.responses import Response

from hub.access import Access as Access  # noqa: PLC0414 (handlers take it from here)
from hub.api.authenticate import principal_of, require_own_origin
from hub.api.body import fields_of, is_fit, read_model
from hub.api.envelope import Reply, failure, success
from hub.api.traffic import SAFE_METHODS, count_request
from hub.auth.permissions import Principal
from hub.errors import Forbidden, HubError, Invalid, NotFound, Unauthenticated, VersionConflict

_NAME_IN_PATH = re.compile(r"[A-Za-z0-9_-]{1,64}")


@dataclass(frozen=True, slots=True)
class Operation:
    """One method of one route, as declared."""

    name: str
    description: str
    access: Access
    body: type[BaseModel] | None
    body_may_be_empty: bool
    query: type[BaseModel] | None
    returns: Mapping[int, Any]
    errors: Sequence[type[HubError]]
    takes: Sequence[str] = ()
    gives: str | None = None


Handler = Callable[..., Awaitable[Reply[Any] | Response]]
View = Callable[[Request], Awaitable[Response]]


def endpoint(
    *,
    returns: Mapping[int, Any],
    access: Access = Access.ACCOUNT,
    body: type[BaseModel] | None = None,
    body_may_be_empty: bool = False,
    query: type[BaseModel] | None = None,
    errors: Sequence[type[HubError]] = (),
    takes: Sequence[str] = (),
    gives: str | None = None,
) -> Callable[[Handler], View]:
    """Make a view of `handler(request[, body][, query]) -> Reply`; `request.user` is the Principal.

    HubErrors leave as an envelope; what nobody expected is for `LastResort`. `takes`: media types of a body that the
    handler reads by itself; `gives`: that of an answer which is a file and no envelope, a Response of the handler's.
    """

    def decorate(handler: Handler) -> View:
        async def view(request: Request) -> Response:
            arguments: list[BaseModel] = []
            try:
                await _admit(request, access)
                if body is not None:
                    arguments.append(await read_model(request, body, may_be_empty=body_may_be_empty))
                if query is not None:
                    arguments.append(_read_query(request, query))
                answer = await handler(request, *arguments)
                return answer if isinstance(answer, Response) else success(request, answer)
            except HubError as error:
                if isinstance(error, VersionConflict) and body is not None:
                    error.sent = arguments[0].model_dump(mode="json", exclude_unset=True)
                return failure(request, error)

        view.operation = Operation(  # type: ignore[attr-defined]
            name=handler.__name__,
            description=inspect.getdoc(handler) or "",
            access=access,
            body=body,
            body_may_be_empty=body_may_be_empty,
            query=query,
            returns=returns,
            errors=errors,
            takes=takes,
            gives=gives,
        )
        return view

    return decorate


def operation_of(view: object) -> Operation | None:
    """The declaration behind a view, None for views made otherwise."""
    operation: Operation | None = getattr(view, "operation", None)
    return operation


async def _admit(request: Request, access: Access) -> None:
    """Whoever is refused counts too, for his address: guessing of tokens and of names has an end."""
    principal = None
    try:
        _check_path(request)
        if access is Access.NOBODY:
            _require_no_foreign_page(request)
        else:
            principal = await principal_of(request)
    finally:
        await count_request(request, principal)
    if principal is not None:
        _authorise(request, principal, access)


def _require_no_foreign_page(request: Request) -> None:
    """Nobody signs a visitor in, or has letters sent, from a page of another site (login CSRF). Raises Forbidden."""
    if request.method not in SAFE_METHODS and "origin" in request.headers:
        require_own_origin(request)


def _authorise(request: Request, principal: Principal, access: Access) -> None:
    if access in {Access.ACCOUNT, Access.SIGNED_IN} and not (principal.is_authenticated or principal.key_id):
        raise Unauthenticated
    if access is Access.ACCOUNT and principal.key_id is not None:
        raise Forbidden("This is for people who sign in; no key of a machine opens it.")
    request.scope["user"] = principal


def _check_path(request: Request) -> None:
    """Names in a path that nothing can be called are absent, before any query is made with them."""
    if not all(_NAME_IN_PATH.fullmatch(value) for value in request.path_params.values()):
        raise NotFound


def _read_query(request: Request, model: type[BaseModel]) -> BaseModel:
    values = dict(request.query_params)
    unfit = {name: "must not hold control characters" for name, value in values.items() if not is_fit(value)}
    if unfit:
        raise Invalid(fields=unfit)
    try:
        return model.model_validate(values)
    except ValidationError as error:
        raise Invalid(fields=fields_of(error)) from None
