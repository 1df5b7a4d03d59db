"""What an error of the layers below means to a client of the socket. Pure but for the log."""

import logging

from hub.engine.live import Unrecoverable
from hub.errors import Forbidden, HubError, NotFound, TokenExpired, Unauthenticated
from hub.protocol.codes import CloseCode, ErrorCode
from hub.protocol.effects import Answer, Failed, Refused, RenewRefused
from hub.protocol.json_text import one_line
from hub.services.database import is_unavailable
from hub.transport.access import Denied

log = logging.getLogger(__name__)


def refuse_connect(error: Exception) -> Answer:
    return Refused(_connect_code(error))


def refuse_renew(command_id: int, error: Exception) -> Answer:
    return RenewRefused(command_id, _renew_code(error))


def refuse_command(command_id: int, channel: str, error: Exception) -> Answer:
    return Failed(command_id, _channel_code(error), channel)


def checked(data: bytes) -> bytes:
    """What a client wants to publish, to the byte; it must be JSON, as every subscriber is to read it."""
    try:
        one_line(data)
    except ValueError:
        raise Denied(ErrorCode.BAD_REQUEST) from None
    return data


def _connect_code(error: Exception) -> ErrorCode | CloseCode:
    """An expired token is an error, so that the client fetches another one; a bad one ends the connection for good."""
    if isinstance(error, TokenExpired):
        return ErrorCode.TOKEN_EXPIRED
    if isinstance(error, Unauthenticated | Forbidden):
        return CloseCode.INVALID_TOKEN
    return _temporary("connect", error)


def _renew_code(error: Exception) -> ErrorCode | CloseCode:
    """An error would be final here; closing with "expired" lets the client come back with a fresh token."""
    if isinstance(error, TokenExpired):
        return CloseCode.EXPIRED
    if isinstance(error, Unauthenticated | Forbidden):
        return CloseCode.INVALID_TOKEN
    return _temporary("refresh", error)


def _channel_code(error: Exception) -> ErrorCode:
    """Invisible and missing are the same."""
    if isinstance(error, Denied):
        return error.code
    if isinstance(error, TokenExpired):
        return ErrorCode.TOKEN_EXPIRED
    if isinstance(error, NotFound | Forbidden):
        return ErrorCode.PERMISSION_DENIED
    if isinstance(error, Unrecoverable):
        return ErrorCode.UNRECOVERABLE_POSITION
    return _temporary("channel command", error)


def _temporary(what: str, error: Exception) -> ErrorCode:
    if isinstance(error, HubError):
        log.info("%s: try again later (%s)", what, error.code)
    elif is_unavailable(error):
        log.warning("%s: try again later (%s)", what, str(error).partition("\n")[0])
    else:
        log.error("%s failed", what, exc_info=error)
    return ErrorCode.INTERNAL
