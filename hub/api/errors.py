"""Errors that no view has answered, for all edges of the application: unknown addresses, wrong methods, faults."""

import uuid
from collections.abc import Callable

import structlog
from starlette.applications import Starlette
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import PlainTextResponse, Response

from hub.errors import HubError, Unavailable
from hub.observe import crashes
from hub.services.database import is_unavailable

_log = structlog.get_logger("hub.api")

RenderError = Callable[[Request, int, str, str | None], Response]
"""(request, status, sentence for people, error_id or None) → the answer."""


def plain_error(_: Request, status: int, message: str, error_id: str | None) -> Response:
    """A line of text; what edges get that have no error page of their own."""
    text = message if error_id is None else f"{message} (error {error_id})"
    return PlainTextResponse(text + "\n", status, headers={"Cache-Control": "no-store"})


def install_errors(app: Starlette, render: RenderError = plain_error) -> None:
    """Let `render` answer whatever leaves a view as an exception. The REST API answers its own errors itself."""

    async def expected(request: Request, error: Exception) -> Response:
        match error:
            case HubError():
                response = render(request, error.http_status, error.message, None)
                response.headers.update(error.headers)
            case HTTPException():
                response = render(request, error.status_code, error.detail, None)
                response.headers.update(error.headers or {})
            case _:
                raise error
        return response

    async def fault(request: Request, error: Exception) -> Response:
        if is_unavailable(error):
            return render(request, Unavailable.http_status, Unavailable.default_message, None)
        return render(request, 500, HubError.default_message, report(request, error))

    app.add_exception_handler(HubError, expected)
    app.add_exception_handler(HTTPException, expected)
    app.add_exception_handler(Exception, fault)


def report(request: Request, error: Exception) -> str:
    """Log a fault with its traceback, and send it to Sentry if configured; the id under which both have it."""
    error_id = uuid.uuid4().hex
    _log.error("unexpected error", error_id=error_id, path=request.scope["path"], exc_info=error)
    crashes.capture(error, error_id=error_id)
    return error_id
