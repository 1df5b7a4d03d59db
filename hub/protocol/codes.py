"""Error, close and unsubscribe codes of the client protocol, each with what it makes a client do.

The ranges carry the rule, so a client needs no list: `reconnects(code)` and `resubscribes(code)` are the whole of it
(docs/protocol.md).
"""

from enum import IntEnum


class ErrorCode(IntEnum):
    """Answers to one command; the connection goes on (except after a refused `connect`)."""

    INTERNAL = 100
    UNAUTHORIZED = 101
    UNKNOWN_CHANNEL = 102
    PERMISSION_DENIED = 103
    METHOD_NOT_FOUND = 104
    ALREADY_SUBSCRIBED = 105
    LIMIT_EXCEEDED = 106
    BAD_REQUEST = 107
    NOT_AVAILABLE = 108
    TOKEN_EXPIRED = 109
    EXPIRED = 110
    TOO_MANY_REQUESTS = 111
    UNRECOVERABLE_POSITION = 112

    @property
    def text(self) -> str:
        return _ERROR_TEXT[self]

    @property
    def is_temporary(self) -> bool:
        """Whether the client tries the same command again by itself."""
        return self in (ErrorCode.INTERNAL, ErrorCode.TOO_MANY_REQUESTS)


class CloseCode(IntEnum):
    """Ends of a connection. 3000-3499 and 4000-4499 reconnect, 3500-3999 and 4500-4999 are final."""

    SHUTDOWN = 3001
    SERVER_ERROR = 3004
    EXPIRED = 3005
    SUBSCRIPTION_EXPIRED = 3006
    SLOW = 3008
    INSUFFICIENT_STATE = 3010
    FORCE_RECONNECT = 3011
    NO_PONG = 3012
    TOO_MANY_REQUESTS = 3013
    INVALID_TOKEN = 3500
    BAD_REQUEST = 3501
    STALE = 3502
    FORCE_DISCONNECT = 3503
    CONNECTION_LIMIT = 3504
    PERMISSION_DENIED = 3507
    NOT_AVAILABLE = 3508
    TOO_MANY_ERRORS = 3509

    @property
    def reason(self) -> str:
        """Plain words: a reason that parses as JSON is taken apart by some clients."""
        return _CLOSE_REASON[self]


class UnsubscribeCode(IntEnum):
    """Ends of one subscription, sent as a push. 2500 and above make the client subscribe again."""

    SERVER = 2000
    INSUFFICIENT_STATE = 2500
    EXPIRED = 2501

    @property
    def reason(self) -> str:
        return _UNSUBSCRIBE_REASON[self]


def close_code_of(error: ErrorCode) -> CloseCode:
    """What a refused `connect` becomes on transports that carry no replies."""
    return _CLOSE_OF_ERROR.get(error, CloseCode.SERVER_ERROR)


def reconnects(close_code: int) -> bool:
    """Whether a client that was closed with this code comes back by itself."""
    return not (3500 <= close_code <= 3999 or 4500 <= close_code <= 4999)


def resubscribes(unsubscribe_code: int) -> bool:
    """Whether a client whose subscription ended with this code subscribes again by itself."""
    return unsubscribe_code >= 2500


_ERROR_TEXT = {
    ErrorCode.INTERNAL: "internal server error",
    ErrorCode.UNAUTHORIZED: "unauthorized",
    ErrorCode.UNKNOWN_CHANNEL: "unknown channel",
    ErrorCode.PERMISSION_DENIED: "permission denied",
    ErrorCode.METHOD_NOT_FOUND: "method not found",
    ErrorCode.ALREADY_SUBSCRIBED: "already subscribed",
    ErrorCode.LIMIT_EXCEEDED: "limit exceeded",
    ErrorCode.BAD_REQUEST: "bad request",
    ErrorCode.NOT_AVAILABLE: "not available",
    ErrorCode.TOKEN_EXPIRED: "token expired",
    ErrorCode.EXPIRED: "expired",
    ErrorCode.TOO_MANY_REQUESTS: "too many requests",
    ErrorCode.UNRECOVERABLE_POSITION: "unrecoverable position",
}

_CLOSE_REASON = {
    CloseCode.SHUTDOWN: "shutdown",
    CloseCode.SERVER_ERROR: "internal server error",
    CloseCode.EXPIRED: "connection expired",
    CloseCode.SUBSCRIPTION_EXPIRED: "subscription expired",
    CloseCode.SLOW: "slow",
    CloseCode.INSUFFICIENT_STATE: "insufficient state",
    CloseCode.FORCE_RECONNECT: "force reconnect",
    CloseCode.NO_PONG: "no pong",
    CloseCode.TOO_MANY_REQUESTS: "too many requests",
    CloseCode.INVALID_TOKEN: "invalid token",
    CloseCode.BAD_REQUEST: "bad request",
    CloseCode.STALE: "stale",
    CloseCode.FORCE_DISCONNECT: "force disconnect",
    CloseCode.CONNECTION_LIMIT: "connection limit",
    CloseCode.PERMISSION_DENIED: "permission denied",
    CloseCode.NOT_AVAILABLE: "not available",
    CloseCode.TOO_MANY_ERRORS: "too many errors",
}

_UNSUBSCRIBE_REASON = {
    UnsubscribeCode.SERVER: "server unsubscribe",
    UnsubscribeCode.INSUFFICIENT_STATE: "insufficient state",
    UnsubscribeCode.EXPIRED: "subscription expired",
}

_CLOSE_OF_ERROR = {
    ErrorCode.TOKEN_EXPIRED: CloseCode.EXPIRED,
    ErrorCode.EXPIRED: CloseCode.EXPIRED,
    ErrorCode.TOO_MANY_REQUESTS: CloseCode.TOO_MANY_REQUESTS,
    ErrorCode.PERMISSION_DENIED: CloseCode.PERMISSION_DENIED,
}
