"""Every error a caller can meet: a stable code, an HTTP status, and whether trying again may help.

Code raises these; only `hub/api/envelope.py` (REST) and `hub/protocol/connection.py` (socket) render them.
"""

from collections.abc import Mapping
from typing import ClassVar


class HubError(Exception):
    """Base of all expected errors. `code` is stable and documented; `message` is free text for people."""

    code: ClassVar[str] = "internal_error"
    http_status: ClassVar[int] = 500
    may_retry: ClassVar[bool] = False
    default_message: ClassVar[str] = "Something went wrong on our side."

    def __init__(
        self,
        message: str | None = None,
        *,
        fields: Mapping[str, str] | None = None,
        headers: Mapping[str, str] | None = None,
    ) -> None:
        self.message = message or self.default_message
        self.fields = dict(fields) if fields else None
        self.headers = dict(headers) if headers else {}
        super().__init__(self.message)


class BadRequest(HubError):
    code, http_status = "bad_request", 400
    default_message = "The request could not be read."


class Unauthenticated(HubError):
    code, http_status = "unauthenticated", 401
    default_message = "Sign in, or send a valid access token."


class TokenExpired(Unauthenticated):
    code = "token_expired"
    default_message = "The access token has expired."


class Forbidden(HubError):
    code, http_status = "forbidden", 403
    default_message = "You may not do this."


class NotFound(HubError):
    code, http_status = "not_found", 404
    default_message = "There is nothing here."


class MethodNotAllowed(HubError):
    code, http_status = "method_not_allowed", 405
    default_message = "This address does not take that method."


class Conflict(HubError):
    code, http_status = "conflict", 409
    default_message = "That clashes with what is there."


class VersionConflict(Conflict):
    """Optimistic locking: somebody else changed the object since the caller read it."""

    code = "version_conflict"
    default_message = "Somebody else changed this since you read it."

    def __init__(
        self, message: str | None = None, *, current: Mapping[str, object] | None = None, versions: str | None = None
    ) -> None:
        super().__init__(message, fields={"version": versions} if versions else None)
        self.current = current  # the stored object, rendered by the edge into `data`
        self.sent: object = None  # the caller's own, which the edge puts beside it


class TooLarge(HubError):
    code, http_status = "too_large", 413
    default_message = "The body is larger than 1 MiB."


class UnsupportedMedia(HubError):
    code, http_status = "unsupported_media_type", 415
    default_message = "Send JSON with Content-Type: application/json."


class Invalid(HubError):
    """Validation: `fields` maps a dotted path in the body to what is wrong with it."""

    code, http_status = "invalid", 422
    default_message = "Some fields are not valid."


class TooMany(HubError):
    code, http_status, may_retry = "too_many_requests", 429, True
    default_message = "Too many requests; try again later."


class Unavailable(HubError):
    code, http_status, may_retry = "unavailable", 503, True
    default_message = "A part the hub needs is away for a moment; try again."


class Misconfigured(HubError):
    """A setting cannot be used; met at start, by the person who runs the hub."""

    code = "misconfigured"
    default_message = "A setting is not right."
