"""The one place where an error that nobody expected, from any edge, becomes an answer."""

from starlette.requests import Request
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from hub.api.envelope import failure, unexpected
from hub.errors import HubError, Unavailable
from hub.services.database import is_unavailable


class LastResort:
    """Answers errors of HTTP requests in the envelope; what cannot be answered any more is logged and ends there."""

    def __init__(self, app: ASGIApp) -> None:
        self.app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self.app(scope, receive, send)
            return
        has_started = False

        async def watch(message: Message) -> None:
            nonlocal has_started
            has_started = has_started or message["type"] == "http.response.start"
            await send(message)

        try:
            await self.app(scope, receive, watch)
        except Exception as error:
            request = Request(scope, receive)
            if isinstance(error, HubError):
                response = failure(request, error)
            elif is_unavailable(error):
                response = failure(request, Unavailable())
            else:
                response = unexpected(request, error)
            if has_started:
                raise
            await response(scope, receive, send)
